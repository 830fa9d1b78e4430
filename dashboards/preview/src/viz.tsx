// One panel's inside, drawn by Grafana's own components where npm has them.
import { useMemo } from 'react';
import {
  DataFrame, getDisplayValueAlignmentFactors, getFieldDisplayValues, GrafanaTheme2, renderMarkdown, TimeRange,
} from '@grafana/data';
import {
  BarGauge, BigValue, TimeSeries, UPlotChart, UPlotConfigBuilder, VizLayout, VizLegend, VizRepeater,
} from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { heatmapOf, timelineOf } from './uplots';

export const TIME_ZONE = 'utc';

interface Props {
  panel: any;
  frames: DataFrame[];
  width: number;
  height: number;
  theme: GrafanaTheme2;
  timeRange: TimeRange;
  marks: number[];
  fill: (text: string) => string;
}

const marked = new WeakSet<UPlotConfigBuilder>();

function mark(config: UPlotConfigBuilder, marks: number[]) {
  if (marked.has(config)) {
    return;
  }
  marked.add(config);
  config.addHook('draw', (u) => {
    u.ctx.save();
    u.ctx.strokeStyle = u.ctx.fillStyle = '#a352cc';
    u.ctx.setLineDash([4, 4]);
    for (const time of marks) {
      const x = Math.round(u.valToPos(time, 'x', true));
      u.ctx.beginPath();
      u.ctx.moveTo(x, u.bbox.top);
      u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
      u.ctx.stroke();
    }
    u.ctx.restore();
  });
}

export function Viz(props: Props) {
  const { panel, frames, width, height, theme, timeRange, marks, fill } = props;
  const options = panel.options;
  if (panel.type === 'text') {
    const html = renderMarkdown(fill(options.content));
    return <div className="markdown-html" style={{ height, overflow: 'hidden' }} dangerouslySetInnerHTML={{ __html: html }} />;
  }
  if (panel.type === 'alertlist') {
    return <div style={{ height, display: 'grid', placeItems: 'center', color: theme.colors.text.secondary }}>drawn by a Grafana server alone</div>;
  }
  if (!frames.some((frame) => frame.length)) {
    const text = panel.fieldConfig.defaults.noValue ?? 'No data';
    return <div style={{ height, display: 'grid', placeItems: 'center', color: theme.colors.text.secondary }}>{text}</div>;
  }
  switch (panel.type) {
    case 'timeseries':
      return (
        <TimeSeries frames={frames} structureRev={1} width={width} height={height} timeRange={timeRange}
          timeZone={[TIME_ZONE] as never} legend={options.legend} options={options}>
          {(config: UPlotConfigBuilder) => (mark(config, marks), null)}
        </TimeSeries>
      );
    case 'stat':
    case 'bargauge':
      return <Values {...props} />;
    case 'table':
      return <TableNG data={frames[0]} width={width} height={height} structureRev={1} cellHeight={options.cellHeight}
        noHeader={!options.showHeader} />;
    default:
      return <Drawn {...props} />;
  }
}

function Values({ panel, frames, width, height, theme, fill }: Props) {
  const options = panel.options;
  const isStat = panel.type === 'stat';
  const getValues = () => getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: fill as never, theme,
    data: frames, sparkline: isStat && options.graphMode !== 'none', timeZone: TIME_ZONE,
  });
  return (
    <VizRepeater getValues={getValues} getAlignmentFactors={getDisplayValueAlignmentFactors as never} width={width}
      height={height} source={frames} renderCounter={1} autoGrid={isStat} itemSpacing={isStat ? 3 : 8}
      orientation={options.orientation} minVizHeight={options.minVizHeight} maxVizHeight={options.maxVizHeight}
      renderValue={({ value, width, height, count, alignmentFactors, orientation }: any) => isStat
        ? <BigValue theme={theme} value={value.display} count={count} sparkline={value.sparkline} width={width}
            height={height} colorMode={options.colorMode} graphMode={options.graphMode} textMode={options.textMode}
            justifyMode={options.justifyMode} alignmentFactors={alignmentFactors} />
        : <BarGauge theme={theme} value={value.display} field={value.field} width={width} height={height}
            display={value.view?.getFieldDisplayProcessor(value.colIndex)} orientation={orientation} itemSpacing={8}
            lcdCellWidth={12} alignmentFactors={alignmentFactors} displayMode={options.displayMode}
            showUnfilled={options.showUnfilled} valueDisplayMode={options.valueMode} namePlacement={options.namePlacement} />} />
  );
}

function Drawn({ panel, frames, width, height, theme, timeRange }: Props) {
  const range: [number, number] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const [builder, data] = useMemo(() => panel.type === 'heatmap'
    ? heatmapOf(frames, theme, TIME_ZONE, range, panel.options.yAxis.unit)
    : timelineOf(frames, theme, TIME_ZONE, range), []);
  const states = panel.fieldConfig.defaults.mappings?.[0]?.options ?? {};
  const items = Object.values<any>(states).map((one) => ({
    label: one.text, color: theme.visualization.getColorByName(one.color), yAxis: 1,
  }));
  const legend = panel.type === 'heatmap' ? null : (
    <VizLayout.Legend placement="bottom"><VizLegend placement="bottom" displayMode={'list' as never} items={items} /></VizLayout.Legend>
  );
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(w: number, h: number) => <UPlotChart config={builder} data={data as never} width={w} height={h} />}
    </VizLayout>
  );
}
