import { normalize } from 'node:path';
import {
  DATASET_TYPES,
  Dataset,
  type DatasetCommand,
  type DatasetDefinition,
  DatasetStep,
  type DatasetType,
} from '../dataset.ts';
import type { RuleDraft } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import { commaSeparated, type OptionValue, parseUintRange, type UintRange } from '../values.ts';

/** Suricata's datasets.defaults.memcap is 100 MB for each; ours is less, since each worker has its own. */
const DEFAULT_MEMORY_BYTES = 16 * 2 ** 20;
const MAX_REPUTATION = 65_535;

const COMMANDS: readonly DatasetCommand[] = ['set', 'unset', 'isset', 'isnotset'];

const dataset = defineKeyword({
  name: 'dataset',
  summary: 'The sticky buffer is in a set of values (isset, isnotset), or is put there or taken out (set, unset)',
  difference:
    'What save and state name is a file in the folder datasets of the state folder; workers hear of each other within a second',
  example: 'http.host; dataset:set,hosts-seen,type string;',
  parse: (value) => {
    const [commandText, name, ...settings] = commaSeparated(value.text);
    const command = COMMANDS.find((known) => known === commandText);
    if (command === undefined || name === undefined || name === '') {
      return value.fail(`dataset takes one of ${COMMANDS.join(', ')}, a name, then type and the like`);
    }
    return { command, name, settings: readSettings(value, settings) };
  },
  compile: ({ command, name, settings }, draft) => addStep(draft, datasetNamed(draft, name, settings, false), command),
});

const datarep = defineKeyword({
  name: 'datarep',
  summary: 'The sticky buffer is in a file of values, and its reputation there compares so with a number',
  example: 'http.host; datarep:hosts,>,100,type string;',
  parse: (value) => {
    const [name = '', operator = '', number = '', ...settings] = commaSeparated(value.text);
    const range = parseUintRange(operator + number, MAX_REPUTATION, (message) => value.fail(message));
    return { name, range, settings: readSettings(value, settings) };
  },
  compile: ({ name, range, settings }, draft) => addStep(draft, datasetNamed(draft, name, settings, true), range),
});

export const datasetKeywords = [dataset, datarep];

function addStep(draft: RuleDraft, set: Dataset, wanted: DatasetCommand | UintRange): void {
  if (draft.currentBuffer === null) draft.fail(`${draft.keyword} needs a sticky buffer before it`);
  draft.addStep({ isMonotone: true, build: () => new DatasetStep(set, wanted) });
}

interface Settings {
  readonly type: DatasetType | null;
  /** A file that must be there. */
  readonly load: string | null;
  /** A file that may be there, and in which what rules make of the set is kept. */
  readonly state: string | null;
  /** The same, and it is not read. */
  readonly save: string | null;
  readonly memoryBytes: number;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 };

function readSettings(value: OptionValue, items: readonly string[]): Settings {
  const given: Record<string, string> = {};
  for (const item of items) {
    const [, name = '', argument = ''] = /^(type|load|state|save|memcap|hashsize)\s+(\S+)$/.exec(item) ?? [];
    if (name === '' || given[name] !== undefined) value.fail(`"${item}" is no setting of ${value.keyword}`);
    given[name] = argument;
  }
  const type = DATASET_TYPES.find((known) => known === given.type) ?? null;
  if (given.type !== undefined && type === null) {
    value.fail(`"${given.type}" is none of ${DATASET_TYPES.join(', ')}`);
  }
  const [, amount, unit = ''] = /^(\d{1,12})([kmg]b)?$/i.exec(given.memcap ?? '') ?? [];
  if (given.memcap !== undefined && amount === undefined) value.fail(`"${given.memcap}" is no size`);
  return {
    type,
    load: given.load ?? null,
    state: keptFile(value, given.state),
    save: keptFile(value, given.save),
    memoryBytes: amount === undefined ? DEFAULT_MEMORY_BYTES : Number(amount) * UNITS[unit.toLowerCase()]!,
  };
}

/** As in Suricata unless it is told otherwise: rules may not choose where on the disk they write. */
function keptFile(value: OptionValue, name: string | undefined): string | null {
  if (name === undefined) return null;
  if (name.startsWith('/') || name.split('/').includes('..')) {
    value.fail(`"${name}" leads out of the folder in which sets are kept`);
  }
  if (/(?:^|\/)\.?$/.test(name)) value.fail(`"${name}" is a folder, and not a file in which a set can be kept`);
  return name;
}

/** The same file, or one where the other has a folder. */
const areInEachOther = (a: string, b: string): boolean =>
  `${normalize(a)}/`.startsWith(`${normalize(b)}/`) || `${normalize(b)}/`.startsWith(`${normalize(a)}/`);

const describedAs = (definition: DatasetDefinition): Settings => ({
  ...definition,
  save: null,
  memoryBytes: definition.memoryBytes ?? DEFAULT_MEMORY_BYTES,
});

/**
 * The configuration, or else the first rule that names a set, says of what type it is, and which file it begins with.
 */
function datasetNamed(draft: RuleDraft, name: string, settings: Settings, hasReputation: boolean): Dataset {
  const { datasets } = draft.context;
  const known = datasets.get(name);
  if (known !== undefined) {
    return settings.type === null || settings.type === known.type
      ? known
      : draft.fail(`the set ${name} is of type ${known.type}`, draft.valueAt);
  }
  const { environment } = draft.context;
  const { load, state, save, memoryBytes, type } = Object.hasOwn(environment.datasets, name)
    ? describedAs(environment.datasets[name]!)
    : settings;
  if (settings.type !== null && settings.type !== type) draft.fail(`the set ${name} is of type ${type}`, draft.valueAt);
  if (type === null) return draft.fail(`the first rule with the set ${name} must say its type`, draft.valueAt);
  const kept = state ?? save;
  for (const [other, { file }] of datasets) {
    if (kept === null || file === null || !areInEachOther(kept, file)) continue;
    draft.fail(`${kept} cannot keep the set ${name}: ${file} keeps the set ${other}`, draft.valueAt);
  }
  const made = new Dataset({ type, memoryBytes, file: kept });
  const text =
    load === null
      ? state === null
        ? null
        : environment.keptText(draft.file, state)
      : environment.fileText(draft.file, load);
  if (text === null && load !== null) draft.fail(`${load} cannot be read`, draft.valueAt);
  const [problem] = text === null ? [] : made.load(text, hasReputation);
  if (problem !== undefined) draft.warn(`${load ?? state} line ${problem.line}: ${problem.message}`, 'skipped-line');
  datasets.set(name, made);
  return made;
}
