import { parseArgs } from 'node:util';
import { type LOADS as AllLoads, LOADS } from './loads.ts';

export interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  readonly openConnections: number;
  readonly loads: typeof AllLoads;
  /** Of `none`, `shipped` and `own`. */
  readonly ruleSets: readonly RuleSetName[];
  /** Null: there are none. */
  readonly ownRules: string | null;
  readonly withBypass: boolean;
  readonly queues: number;
  readonly json: string;
  /** A folder. */
  readonly plots: string;
}

const RULE_SETS = ['none', 'shipped', 'own'] as const;
export type RuleSetName = (typeof RULE_SETS)[number];

export const USAGE = `make bench ARGS='...'   what inspection costs here, beside the same traffic without it

  --quick             one short round of the shipped rules, in a few minutes
  --rounds N          medians are over so many (3)
  --seconds N         of each load (2)
  --loads A,B         of ${LOADS.map(({ name }) => name).join(', ')}
  --rule-sets A,B     of ${RULE_SETS.join(', ')} (all); "own" are those of RULES=FILE-OR-FOLDER, or --rules
  --rules PLACE       a file, a folder, or a pattern
  --connections N     held open at the same time (10000)
  --bypass            also vpatch with flows that the kernel goes on with by itself
  --queues N          also vpatch with so many queues, shared by connections (1)
  --json FILE         all samples and medians (.bench/bench.json)
  --plots FOLDER      for the plots (.bench)`;

/** Throws an Error that is for the user. */
export function settingsOf(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      loads: { type: 'string' },
      'rule-sets': { type: 'string' },
      rules: { type: 'string' },
      connections: { type: 'string', default: '10000' },
      bypass: { type: 'boolean', default: false },
      queues: { type: 'string', default: '1' },
      json: { type: 'string', default: '.bench/bench.json' },
      plots: { type: 'string', default: '.bench' },
    },
  });
  const ownRules = values.rules === undefined || values.rules === '' ? null : values.rules;
  const usual: RuleSetName[] = values.quick ? ['shipped'] : ['none', 'shipped'];
  const ruleSets = named('--rule-sets', RULE_SETS, values['rule-sets']) ?? [
    ...usual,
    ...(ownRules === null ? [] : ['own' as const]),
  ];
  if (ruleSets.includes('own') && ownRules === null)
    throw new Error('--rule-sets own: give the rules, RULES=FILE-OR-FOLDER');
  const loads = named(
    '--loads',
    LOADS.map(({ name }) => name),
    values.loads,
  );
  return {
    rounds: positive('--rounds', values.rounds ?? (values.quick ? '1' : '3')),
    seconds: positive('--seconds', values.seconds ?? (values.quick ? '1' : '2')),
    openConnections: positive('--connections', values.connections),
    loads: LOADS.filter(({ name }) => loads?.includes(name) ?? true),
    ruleSets,
    ownRules,
    withBypass: values.bypass,
    queues: positive('--queues', values.queues),
    json: values.json,
    plots: values.plots,
  };
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`${option} ${text}: expected a whole number above 0`);
}

function named<T extends string>(option: string, known: readonly T[], text: string | undefined): T[] | null {
  if (text === undefined) return null;
  return text.split(',').map((part) => {
    const found = known.find((name) => name === part);
    if (found === undefined) throw new Error(`${option} ${part}: expected some of ${known.join(', ')}`);
    return found;
  });
}
