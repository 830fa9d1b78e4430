// Which field settings Grafana's panels know: its own registry is filled by its server, not by npm.
import { FieldConfigOptionsRegistry, identityOverrideProcessor } from '@grafana/data';

const STANDARD = [
  'unit', 'min', 'max', 'fieldMinMax', 'decimals', 'displayName', 'noValue', 'thresholds',
  'mappings', 'links', 'color', 'filterable', 'description',
];

const CUSTOM: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, lineStyle: undefined,
    fillOpacity: 0, fillBelowTo: undefined, gradientMode: 'none', spanNulls: false,
    insertNulls: undefined, showPoints: 'auto', pointSize: 5, barAlignment: 0,
    stacking: { mode: 'none', group: 'A' }, transform: undefined, axisPlacement: 'auto',
    axisLabel: '', axisWidth: undefined, axisColorMode: 'text', axisBorderShow: false,
    axisGridShow: true, axisSoftMin: undefined, axisSoftMax: undefined, axisCenteredZero: false,
    scaleDistribution: { type: 'linear' },
    hideFrom: { tooltip: false, viz: false, legend: false }, thresholdsStyle: { mode: 'off' },
  },
  table: {
    align: 'auto', cellOptions: { type: 'auto' }, inspect: false, width: undefined,
    minWidth: undefined, filterable: undefined, hidden: undefined, wrapText: undefined,
    footer: undefined,
  },
  'state-timeline': { fillOpacity: 70, lineWidth: 0, hideFrom: undefined },
  heatmap: { scaleDistribution: { type: 'linear' }, hideFrom: undefined },
};

export function registryOf(type: string) {
  const common = { shouldApply: () => true, editor: null, override: null, settings: {} };
  const standard = STANDARD.map((id) => ({
    id, path: id, name: id, process: identityOverrideProcessor, ...common,
  }));
  const custom = Object.entries(CUSTOM[type] ?? {}).map(([path, value]) => ({
    id: `custom.${path}`, path, name: path, isCustom: true, defaultValue: value,
    process: (given: unknown) => given ?? value, ...common,
  }));
  return new FieldConfigOptionsRegistry(() => [...standard, ...custom] as never);
}
