// What types cannot tell: units, reducers, matchers, transformations and settings by their names.
import { fieldMatchers, fieldReducers, getValueFormats, standardTransformers } from '@grafana/data';
import { registryOf } from '../src/registry';

const units = new Set(getValueFormats().flatMap((group) => group.submenu ?? []).map((one) => one.value));
const transformers = new Set(Object.values(standardTransformers).map((one) => one.id as string));
// Grafana's own syntax for units of one's own
const OWN_UNIT = /^(si|suffix|prefix|time|count|currency|bool):/;

function* inside(panels: any[]): Generator<any> {
  for (const panel of panels) {
    yield* panel.type === 'row' ? inside(panel.panels ?? []) : [panel];
  }
}

function unit(id: unknown): string[] {
  return id === undefined || units.has(id as string) || OWN_UNIT.test(String(id)) ? [] : [`no unit ${id}`];
}

function overridden(panel: any): string[] {
  const known = registryOf(panel.type);
  return panel.fieldConfig.overrides.flatMap((one: any) => [
    ...(fieldMatchers.getIfExists(one.matcher.id) ? [] : [`no matcher ${one.matcher.id}`]),
    ...one.properties.flatMap((property: any) => [
      ...(known.getIfExists(property.id) ? [] : [`no setting ${property.id}`]),
      ...(property.id === 'unit' ? unit(property.value) : []),
    ]),
  ]);
}

export function faults(dashboard: any): string[] {
  return [...inside(dashboard.panels)].flatMap((panel) => {
    const calcs = [...(panel.options.legend?.calcs ?? []), ...(panel.options.reduceOptions?.calcs ?? [])];
    return [
      ...unit(panel.fieldConfig.defaults.unit),
      ...calcs.filter((id) => !fieldReducers.getIfExists(id)).map((id) => `no reducer ${id}`),
      ...(panel.transformations ?? []).filter((one: any) => !transformers.has(one.id)).map((one: any) => `no transformation ${one.id}`),
      ...overridden(panel),
    ].map((fault) => `${panel.title}: ${fault}`);
  });
}
