// Prometheus' answers become data frames, shaped as Grafana's Prometheus data source shapes them.
import { createDataFrame, DataFrame, Field, FieldType, Labels } from '@grafana/data';

export interface Series {
  metric: Labels;
  values?: [number, string | null][];
  value?: [number, string];
}

export interface Answer {
  refId: string;
  format?: string;
  legendFormat: string;
  step: number;
  result: Series[];
}

const milliseconds = (seconds: number) => Math.round(seconds * 1000);

// A missing step and NaN are gaps, as they are in Grafana.
function number(text: string | null): number | null {
  return text === null || text === 'NaN' ? null : text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

function legend(format: string, labels: Labels): string {
  if (format === '__auto') {
    const shown = Object.entries(labels).filter(([name]) => name !== '__name__');
    return shown.length ? `{${shown.map(([name, value]) => `${name}="${value}"`).join(', ')}}` : '';
  }
  return format.replace(/{{\s*(\w+)\s*}}/g, (_, name) => labels[name] ?? '');
}

function overTime(answer: Answer): DataFrame[] {
  return answer.result.map((series) => {
    const points = series.values ?? (series.value ? [series.value] : []);
    const name = legend(answer.legendFormat, series.metric);
    return createDataFrame({
      refId: answer.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: points.map(([t]) => milliseconds(t)), config: {} },
        {
          name: 'Value', type: FieldType.number, labels: series.metric,
          values: points.map(([, v]) => number(v)), config: { displayNameFromDS: name || undefined },
        },
      ],
    });
  });
}

// Missing steps are gaps in the line, not a line across them.
function gaps(answer: Answer, from: number, to: number): Answer {
  const filled = answer.result.map((series) => {
    if (!series.values) {
      return series;
    }
    const known = new Map(series.values.map(([t, v]) => [Math.round(t), v]));
    const values: [number, string | null][] = [];
    for (let t = from; t <= to; t += answer.step) {
      values.push([t, known.get(Math.round(t)) ?? null]);
    }
    return { ...series, values };
  });
  return { ...answer, result: filled };
}

function table(answer: Answer, alone: boolean): DataFrame[] {
  if (!answer.result.length) {
    return [];
  }
  const labels = [...new Set(answer.result.flatMap((series) => Object.keys(series.metric)))].sort();
  const fields: Partial<Field>[] = [
    { name: 'Time', type: FieldType.time, values: answer.result.map((one) => milliseconds(one.value![0])), config: {} },
    ...labels.map((label) => ({
      name: label, type: FieldType.string, config: {},
      values: answer.result.map((one) => one.metric[label] ?? ''),
    })),
    {
      name: alone ? 'Value' : `Value #${answer.refId}`, type: FieldType.number, config: {},
      values: answer.result.map((one) => number(one.value![1])),
    },
  ];
  return [createDataFrame({ refId: answer.refId, fields: fields as Field[] })];
}

// Each bucket holds those of the smaller ones: the difference is what is drawn.
function buckets(answer: Answer): DataFrame[] {
  const bound = (frame: DataFrame) => number(frame.fields[1].labels?.le ?? '') ?? 0;
  const frames = overTime(answer).sort((a, b) => bound(a) - bound(b));
  for (let i = frames.length - 1; i > 0; i--) {
    const below = frames[i - 1].fields[1].values;
    frames[i].fields[1].values = frames[i].fields[1].values.map((v, k) => Math.max(v - below[k], 0));
  }
  return frames;
}

export function framesOf(type: string, answers: Answer[], from: number, to: number): DataFrame[] {
  return answers.flatMap((answer) => {
    if (answer.format === 'table') {
      return table(answer, answers.length === 1);
    }
    const whole = gaps(answer, from, to);
    return answer.format === 'heatmap' ? buckets(whole) : overTime(whole);
  });
}
