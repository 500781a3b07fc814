import { MEASURE_NAMES, MEASURES, type Sample, type Values } from './measures.ts';

export interface Summary {
  readonly engine: string;
  readonly medians: Values;
  /** Medians of the ratios to, or the differences from, the baseline of the same round. */
  readonly compared: Values;
}

/** One for each engine, in the order in which they come. */
export function summarise(samples: readonly Sample[], baseline: string): Summary[] {
  const baselines = new Map(
    samples.filter(({ engine }) => engine === baseline).map(({ round, values }) => [round, values]),
  );
  const engines = [...new Set(samples.map(({ engine }) => engine))];
  return engines.map((engine) => {
    const own = samples.filter((sample) => sample.engine === engine);
    return {
      engine,
      medians: mediansOf(own.map(({ values }) => values)),
      compared: mediansOf(own.map(({ round, values }) => comparedWith(baselines.get(round) ?? {}, values))),
    };
  });
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function mediansOf(all: readonly Values[]): Values {
  return Object.fromEntries(
    MEASURE_NAMES.flatMap((name) => {
      const known = all.flatMap(({ [name]: value }) => value ?? []);
      return known.length === 0 ? [] : [[name, median(known)]];
    }),
  );
}

function comparedWith(baseline: Values, values: Values): Values {
  return Object.fromEntries(
    MEASURE_NAMES.flatMap((name) => {
      const [value, other] = [values[name], baseline[name]];
      const { comparison } = MEASURES[name];
      if (value === undefined || other === undefined || comparison === 'none') return [];
      return [[name, comparison === 'ratio' ? value / other : value - other]];
    }),
  );
}
