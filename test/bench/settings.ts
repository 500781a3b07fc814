import { parseArgs } from 'node:util';
import { type LOADS as AllLoads, LOADS } from './loads.ts';

export interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  /** Held open at the same time. */
  readonly openConnections: number;
  readonly loads: typeof AllLoads;
  /** Of `none`, `shipped` and `own`. */
  readonly ruleSets: readonly RuleSetName[];
  /** Null: there are none. */
  readonly ownRules: string | null;
  readonly withBypass: boolean;
  readonly queues: number;
  /** Nice values of workers, beside that of the configuration. */
  readonly priorities: readonly number[];
  /** Programs that only use up processors, beside everything. */
  readonly busyPrograms: number;
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
  --loads A,B         of ${LOADS.map(({ name }) => name).join(', ')} (all but held)
  --rule-sets A,B     of ${RULE_SETS.join(', ')} (all); "own" are those of RULES=FILE-OR-FOLDER, or --rules
  --rules PLACE       a file, a folder, or a pattern
  --connections N     held open at the same time (10000; with the load held, 200000)
  --bypass            also vpatch with flows that the kernel goes on with by itself
  --queues N          also vpatch with so many queues, shared by connections (1)
  --priorities A,B    also vpatch with workers of these nice values (queue.priority)
  --busy N            beside so many programs that each use up a processor, if they get it (0)
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
      connections: { type: 'string' },
      bypass: { type: 'boolean', default: false },
      queues: { type: 'string', default: '1' },
      priorities: { type: 'string' },
      busy: { type: 'string', default: '0' },
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
    openConnections: positive('--connections', values.connections ?? (loads?.includes('held') ? '200000' : '10000')),
    loads: LOADS.filter(({ name, isExtra }) => loads?.includes(name) ?? isExtra !== true),
    ruleSets,
    ownRules,
    withBypass: values.bypass,
    queues: positive('--queues', values.queues),
    priorities: values.priorities?.split(',').map((value) => whole('--priorities', value, -20)) ?? [],
    busyPrograms: whole('--busy', values.busy, 0),
    json: values.json,
    plots: values.plots,
  };
}

const positive = (option: string, text: string): number => whole(option, text, 1);

function whole(option: string, text: string, least: number): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= least) return value;
  throw new Error(`${option} ${text}: expected a whole number from ${least} on`);
}

function named<T extends string>(option: string, known: readonly T[], text: string | undefined): T[] | null {
  if (text === undefined) return null;
  return text.split(',').map((part) => {
    const found = known.find((name) => name === part);
    if (found === undefined) throw new Error(`${option} ${part}: expected some of ${known.join(', ')}`);
    return found;
  });
}
