// Draws one dashboard from its JSON and the answers of a real Prometheus: ?name=fleet&theme=dark
import { Component, ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import {
  applyFieldOverrides, cacheFieldDisplayNames, createTheme, DashboardCursorSync, DataFrame, dateTime, EventBusSrv,
  standardTransformers, standardTransformersRegistry, ThemeContext, TimeRange, transformDataFrame,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles, PanelChrome, PanelContextProvider, PortalContainer } from '@grafana/ui';
import { Answer, framesOf } from './frames';
import { registryOf } from './registry';
import { TIME_ZONE, Viz } from './viz';

interface Picture {
  dashboard: any;
  answers: Record<string, Answer[]>;
  values: Record<string, string>;
  shown: [string, string][];
  from: number;
  to: number;
  marks: number[];
}

const COLUMNS = 24, GAP = 8, ROW = 30, MARGIN = 16, TOP = 76;
const asked = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: asked.get('theme') === 'light' ? 'light' : 'dark' } });
const column = (innerWidth - 2 * MARGIN - GAP * (COLUMNS - 1)) / COLUMNS;

class Guard extends Component<{ children: ReactNode }, { error?: Error }> {
  state: { error?: Error } = {};
  static getDerivedStateFromError(error: Error) {
    console.error(`a panel failed: ${error.message}`);
    return { error };
  }
  render() {
    return this.state.error ? <pre>{String(this.state.error)}</pre> : this.props.children;
  }
}

function lowest(config: any) {
  const mend = (thresholds: any) => thresholds?.steps?.forEach((step: any) => { step.value ??= -Infinity; });
  mend(config.defaults.thresholds);
  config.overrides.forEach((one: any) => one.properties.forEach((p: any) => p.id === 'thresholds' && mend(p.value)));
  return config;
}

async function drawn(panel: any, picture: Picture, fill: (text: string) => string) {
  const answers = picture.answers[panel.id] ?? [];
  let data: DataFrame[] = framesOf(panel.type, answers, picture.from, picture.to);
  if (panel.transformations && data.length) {
    data = await new Promise((done) =>
      transformDataFrame(panel.transformations, data, { interpolate: fill }).subscribe(done as never));
  }
  const fieldConfig = lowest(structuredClone(panel.fieldConfig));
  const frames = applyFieldOverrides({
    data, fieldConfig, fieldConfigRegistry: registryOf(panel.type), replaceVariables: fill as never, theme,
    timeZone: TIME_ZONE,
  });
  cacheFieldDisplayNames(frames);
  return { panel: { ...panel, fieldConfig }, frames };
}

// Folded rows are drawn open, on a picture of their own: each moves down by the heights above it.
function placed(dashboard: any) {
  const folded = asked.get('part') === 'folded';
  const found: { panel: any; y: number }[] = [];
  let next = 0;
  for (const panel of dashboard.panels) {
    const inside = panel.panels ?? [];
    if (!folded && !panel.collapsed) {
      found.push({ panel, y: panel.gridPos.y });
    } else if (folded && inside.length) {
      const down = next - panel.gridPos.y;
      found.push(...[panel, ...inside].map((one: any) => ({ panel: one, y: one.gridPos.y + down })));
      next = Math.max(...inside.map((one: any) => one.gridPos.y + one.gridPos.h)) + down;
    }
  }
  return found;
}

async function main() {
  await initPluginTranslations('inferfleet-preview');
  const transformers = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
  standardTransformersRegistry.setInit(() => [...transformers.values()].map((one) => ({
    id: one.id, name: one.name, description: '', editor: () => null, transformation: async () => one,
  })) as never);
  const picture: Picture = await (await fetch(`data/${asked.get('name')}.json`)).json();
  // what is shown as a time from now is from the moment of the picture
  const clock = Date.now, ahead = picture.to * 1000 - clock();
  Date.now = () => clock() + ahead;
  const fill = (text: string) => text.replace(/\$\{?(\w+)(?::\w+)?\}?/g, (all, name) => picture.values[name] ?? all);
  const range = { from: dateTime(picture.from * 1000), to: dateTime(picture.to * 1000) };
  const timeRange: TimeRange = { ...range, raw: range };
  const parts = await Promise.all(placed(picture.dashboard).map(async ({ panel, y }) =>
    panel.type === 'row' ? { panel, y, frames: [] } : { y, ...(await drawn(panel, picture, fill)) }));
  const marks = picture.marks.map((time) => time * 1000);
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PanelContextProvider value={{ eventsScope: 'preview', eventBus: new EventBusSrv(), sync: () => DashboardCursorSync.Off } as never}>
        <Head picture={picture} />
        {parts.map(({ panel, y, frames }) => {
          const { x, w, h } = panel.gridPos;
          const width = w * column + (w - 1) * GAP;
          const height = h * (ROW + GAP) - GAP;
          const style = { position: 'absolute' as const, left: MARGIN + x * (column + GAP), top: TOP + y * (ROW + GAP), width, height };
          return (
            <div key={panel.id} style={style}>
              {panel.type === 'row' ? <h4 style={{ lineHeight: `${ROW}px` }}>⌄ {fill(panel.title)}</h4> : (
                <PanelChrome title={fill(panel.title)} width={width} height={height} padding={panel.type === 'table' ? 'none' : 'md'} description={panel.description}>
                  {(inner, tall) => <Guard><Viz panel={panel} frames={frames} width={inner} height={tall} theme={theme}
                    timeRange={timeRange} marks={marks} fill={fill} /></Guard>}
                </PanelChrome>)}
            </div>
          );
        })}
        <PortalContainer />
      </PanelContextProvider>
    </ThemeContext.Provider>
  );
}

function Head({ picture }: { picture: Picture }) {
  const box = { border: `1px solid ${theme.colors.border.medium}`, borderRadius: 4, padding: '3px 8px', marginRight: 8 };
  return (
    <div style={{ position: 'absolute', left: MARGIN, top: 10 }}>
      <h3 style={{ margin: 0 }}>{picture.dashboard.title}</h3>
      <div style={{ marginTop: 8, fontSize: 13 }}>
        {picture.shown.map(([label, value]) => <span key={label} style={box}><b>{label}</b>&ensp;{value}</span>)}
      </div>
    </div>
  );
}

main().catch((error) => console.error(`the preview failed: ${error.stack}`));
