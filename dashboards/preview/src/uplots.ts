// Heatmap and state timeline are not on npm: these draw their like on Grafana's own uPlot builder.
import { UPlotConfigBuilder } from '@grafana/ui';
import { DataFrame, formattedValueToString, getFieldDisplayName, getValueFormat, GrafanaTheme2 } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { interpolateOranges } from 'd3-scale-chromatic';

type Range = [number, number];

function base(theme: GrafanaTheme2, timeZone: string, range: Range, labels: string[]): UPlotConfigBuilder {
  const builder = new UPlotConfigBuilder(timeZone);
  const rows: Range = [0, labels.length];
  builder.addScale({
    scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal,
    direction: ScaleDirection.Right, range: () => range,
  });
  builder.addScale({
    scaleKey: 'y', isTime: false, orientation: ScaleOrientation.Vertical,
    direction: ScaleDirection.Up, range: () => rows,
  });
  builder.addAxis({
    scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone, theme, grid: { show: true },
  });
  const every = Math.ceil(labels.length / 9);
  const shown = labels.map((label, i) => (i % every === 0 ? label : ''));
  builder.addAxis({
    scaleKey: 'y', placement: AxisPlacement.Left, theme, grid: { show: false },
    splits: labels.map((_, i) => i + 0.5), values: shown as never, size: sizeOf(shown),
  } as never);
  builder.addSeries({
    scaleKey: 'y', pathBuilder: () => null, pointsBuilder: () => null, theme, lineColor: '#fff',
  } as never);
  builder.setCursor({ show: false });
  return builder;
}

const sizeOf = (labels: string[]) => Math.min(12 + 7 * Math.max(...labels.map((one) => one.length)), 190);

export function heatmapOf(frames: DataFrame[], theme: GrafanaTheme2, timeZone: string, range: Range, unit: string) {
  const format = getValueFormat(unit);
  const rows = frames.map((frame) => frame.fields[1]);
  const times = frames[0].fields[0].values as number[];
  const finite = rows.flatMap((row) => row.values as number[]).filter(Number.isFinite);
  const largest = Math.max(...finite, 0);
  const labels = rows.map((row) => {
    const bound = Number(row.labels?.le?.replace('+Inf', 'Infinity'));
    return Number.isFinite(bound) ? formattedValueToString(format(bound)) : '+Inf';
  });
  const builder = base(theme, timeZone, range, labels);
  builder.addHook('draw', (u) => {
    const step = times[1] - times[0];
    u.ctx.save();
    rows.forEach((row, k) => {
      const low = Math.round(u.valToPos(k, 'y', true));
      const high = Math.round(u.valToPos(k + 1, 'y', true));
      times.forEach((time, i) => {
        const value = row.values[i];
        if (!(value > 1e-9)) {
          return;
        }
        const left = Math.max(u.bbox.left, Math.round(u.valToPos(time - step, 'x', true)));
        const right = Math.round(u.valToPos(time, 'x', true));
        u.ctx.fillStyle = interpolateOranges(1 - 0.9 * Math.sqrt(value / largest));
        u.ctx.fillRect(left, high, Math.max(right - left, 1), low - high - 1);
      });
    });
    u.ctx.restore();
  });
  return [builder, [times, times.map(() => 0)]] as const;
}

export function timelineOf(frames: DataFrame[], theme: GrafanaTheme2, timeZone: string, range: Range) {
  const rows = frames.map((frame) => frame.fields[1]).reverse();
  const times = frames[0].fields[0].values as number[];
  const names = frames.map((frame) => getFieldDisplayName(frame.fields[1], frame, frames)).reverse();
  const builder = base(theme, timeZone, range, names);
  builder.addHook('draw', (u) => {
    u.ctx.save();
    u.ctx.font = `${12 * devicePixelRatio}px ${theme.typography.fontFamily}`;
    u.ctx.textBaseline = 'middle';
    u.ctx.textAlign = 'left';
    rows.forEach((row, k) => {
      const low = u.valToPos(k + 0.08, 'y', true);
      const high = u.valToPos(k + 0.92, 'y', true);
      for (let i = 0; i < times.length; ) {
        let end = i;
        while (end < times.length && Object.is(row.values[end], row.values[i])) {
          end++;
        }
        if (row.values[i] !== null) {
          const shown = row.display!(row.values[i]);
          const left = u.valToPos(times[i], 'x', true);
          const width = u.valToPos(times[Math.min(end, times.length - 1)], 'x', true) - left;
          u.ctx.globalAlpha = 0.8;
          u.ctx.fillStyle = shown.color!;
          u.ctx.fillRect(left, high, width, low - high);
          u.ctx.globalAlpha = 1;
          u.ctx.fillStyle = theme.colors.getContrastText(shown.color!);
          const text = formattedValueToString(shown);
          if (u.ctx.measureText(text).width < width - 8) {
            u.ctx.fillText(text, left + 5, (low + high) / 2);
          }
        }
        i = end;
      }
    });
    u.ctx.restore();
  });
  return [builder, [times, times.map(() => 0)]] as const;
}
