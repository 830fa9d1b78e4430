// What Grafana's published schema says a dashboard of ours may hold, option by option.
import type { Dashboard, Panel, RowPanel } from '@grafana/schema';
import type { FieldConfig as Fields } from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as Bars from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as Heat from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Lines from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as States from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as Stats from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Tables from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as Texts from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';

// Enums are written as their texts in JSON.
type Json<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends readonly (infer U)[] ? Json<U>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
// Grafana fills in what is left out.
type Part<T> = T extends readonly (infer U)[] ? Part<U>[]
  : T extends object ? { [K in keyof T]?: Part<T[K]> } : T;
type Override = {
  matcher: { id: 'byName' | 'byRegexp'; options?: string };
  properties: { id: string; value?: unknown }[];
};
type Of<Type extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig'> & {
  type: Type;
  options?: Part<Options>;
  fieldConfig?: { defaults: Omit<Fields, 'custom'> & { custom?: Part<Custom> }; overrides: Override[] };
};
type Any =
  | Of<'timeseries', Lines.Options, Lines.FieldConfig>
  | Of<'stat', Stats.Options, Record<string, never>>
  | Of<'table', Tables.Options, Tables.FieldConfig>
  | Of<'heatmap', Heat.Options, Heat.FieldConfig>
  | Of<'bargauge', Bars.Options, Record<string, never>>
  | Of<'state-timeline', States.Options, States.FieldConfig>
  // npm has no types of its options
  | Of<'alertlist', Record<string, unknown>, Record<string, never>>
  | Of<'text', Texts.Options, Record<string, never>>;
type Row = Omit<RowPanel, 'panels'> & { panels: Any[] };
// The schema does not list what a data source's own annotation query holds.
type Mark = Required<Dashboard>['annotations'] extends { list?: (infer A)[] }
  ? Omit<A & object, 'target'> & { expr: string; step: string; titleFormat: string; textFormat: string; tagKeys: string }
  : never;

export type Checked = Json<
  Omit<Dashboard, 'panels' | 'annotations'> & { panels: (Any | Row)[]; annotations: { list: Mark[] } }
>;
