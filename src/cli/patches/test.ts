import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { counted } from '../../base/counted.ts';
import { formatProblem, reasonOf } from '../../config/problem.ts';
import type { Ruleset } from '../../detect/ruleset.ts';
import { withoutControls } from '../../output/log.ts';
import { type Patch, readCatalogue } from '../../patches/catalogue.ts';
import { formFaults, type Page } from '../../patches/form.ts';
import { type Play, rehearsalConfig, rehearse } from '../../patches/rehearsal.ts';
import { readTranscript, SHIPPED_TRANSCRIPTS, TranscriptError, transcriptsIn } from '../../patches/transcript.ts';
import { compileRuleset } from '../../service/rule-set.ts';
import { EXIT, Failure } from '../failure.ts';
import { formatDiagnostic } from '../read-texts.ts';
import { table } from '../table.ts';
import { loadCatalogue, patchNamed } from './shipped.ts';

export function registerTest(patches: Command): void {
  patches
    .command('test')
    .summary('play the attacks and look-alikes of virtual patches')
    .description(
      'Plays the transcripts of patches through the pipeline with the rules of all patches, in all the ways in which\n' +
        'their bytes can be sent, and says which give other alerts than they should. What is in a folder is also held\n' +
        'against the form that docs/patches.md asks for.',
    )
    .argument(
      '[what...]',
      'ids or CVEs of patches; folders with signatures/ and fixtures/patches/ (default: all patches)',
    )
    .option('--json', 'print what came of each play as JSON')
    .addHelpText(
      'after',
      '\nExit code 1 when something is not as it should be.\n\n' +
        'Examples:\n  vpatch patches test cve-2021-44228\n  vpatch patches test ./my-patches',
    )
    .action(test);
}

/** A patch with its transcripts. */
interface Subject {
  readonly patch: Patch;
  readonly pages: readonly Page[];
  /** Of its form; what we ship is held against it before it is shipped. */
  readonly faults: readonly string[];
}

interface PlayedPage {
  readonly page: string;
  readonly kind: Page['kind'];
  readonly expected: readonly number[];
  readonly plays: readonly Play[];
}

interface Tested {
  readonly id: string;
  readonly title: string;
  readonly faults: readonly string[];
  readonly pages: readonly PlayedPage[];
}

function test(what: readonly string[], { json }: { json?: boolean }): void {
  const shipped = loadCatalogue();
  const folders = what.filter(isFolder);
  const ids = what.filter((name) => !isFolder(name));
  const own = folders.flatMap(subjectsIn);
  const named = what.length === 0 ? shipped.patches : ids.map((id) => patchNamed(shipped, id));
  const subjects = [...own, ...shippedSubjects(named)];

  const ownIds = new Set(own.map(({ patch }) => patch.id));
  const others = shipped.patches.filter(({ id }) => !ownIds.has(id));
  const ruleset = compiled([...others, ...own.map(({ patch }) => patch)]);
  const tested = subjects.map((subject) => testedBy(subject, ruleset));
  process.stdout.write(json === true ? `${JSON.stringify(tested, null, 2)}\n` : report(tested));
  if (tested.some(isWrong)) throw new Failure(EXIT.problem);
}

const isFolder = (name: string): boolean => /[./]/.test(name) || existsSync(join(name, 'signatures'));

function subjectsIn(folder: string): Subject[] {
  const { patches, problems } = readable(() => readCatalogue(join(folder, 'signatures')));
  if (problems.length > 0) throw new Failure(EXIT.problem, ...problems.map(formatProblem));
  const pages = readable(() => pagesOf(patches, join(folder, 'fixtures/patches')));
  return patches.map((patch) => {
    const own = pages.filter((page) => page.patch === patch.id);
    return { patch, pages: own, faults: formFaults(patch, own) };
  });
}

function shippedSubjects(patches: readonly Patch[]): Subject[] {
  if (patches.length === 0) return [];
  const pages = readable(() => pagesOf(patches, SHIPPED_TRANSCRIPTS));
  return patches.map((patch) => ({ patch, pages: pages.filter((page) => page.patch === patch.id), faults: [] }));
}

function pagesOf(patches: readonly Patch[], folder: string): Page[] {
  const ids = new Set(patches.map(({ id }) => id));
  return transcriptsIn(folder)
    .filter(({ patch }) => ids.has(patch))
    .map((page) => ({ ...page, transcript: readTranscript(page.file) }));
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof TranscriptError) throw new Failure(EXIT.problem, error.message);
    if (error instanceof Error && 'path' in error) {
      throw new Failure(EXIT.usage, `${String(error.path)} cannot be read: ${reasonOf(error)}`);
    }
    throw error;
  }
}

function compiled(patches: readonly Patch[]): Ruleset {
  const files = patches.map(({ rulesFile }) => ({ file: rulesFile, text: readFileSync(rulesFile, 'utf8') }));
  const texts = { files, classification: null, reference: null, threshold: null, reputation: null };
  const { ruleset, diagnostics } = compileRuleset(texts, rehearsalConfig());
  const refused = diagnostics.filter(({ severity }) => severity === 'error');
  if (refused.length > 0) throw new Failure(EXIT.problem, ...refused.map(formatDiagnostic));
  return ruleset;
}

function testedBy({ patch, pages, faults }: Subject, ruleset: Ruleset): Tested {
  const config = rehearsalConfig();
  return {
    id: patch.id,
    title: patch.description.title,
    faults,
    pages: pages.map(({ name, kind, transcript }) => ({
      page: name,
      kind,
      expected: transcript.alerts,
      plays: rehearse(transcript, ruleset, config),
    })),
  };
}

const isWrong = ({ faults, pages }: Tested): boolean =>
  faults.length > 0 || pages.some(({ plays }) => plays.some(({ isRight }) => !isRight));

function report(tested: readonly Tested[]): string {
  const pages = tested.flatMap((patch) => patch.pages);
  const plays = pages.flatMap((page) => page.plays);
  const wrong = tested.filter(isWrong);
  const counts = `${counted(tested.length, 'patch')}, ${counted(pages.length, 'transcript')}, played ${counted(plays.length, 'time')}`;
  const result = wrong.length === 0 ? 'all as they should be' : `${wrong.length} NOT as they should be`;
  const [only] = tested;
  const shown =
    tested.length === 1 && only !== undefined ? details(only) : summaryOf(tested) + wrong.map(details).join('');
  return `${shown}${counts}: ${result}\n`;
}

const summaryOf = (tested: readonly Tested[]): string =>
  table(
    tested.map((patch) => [
      patch.id,
      counted(patch.pages.length, 'transcript'),
      isWrong(patch) ? 'WRONG' : 'good',
      patch.title,
    ]),
  );

function details({ id, title, faults, pages }: Tested): string {
  const lines = pages.flatMap(({ page, kind, expected, plays }) => {
    const failed = plays.filter(({ isRight }) => !isRight);
    const good = `${kind === 'attack' ? 'is blocked' : 'passes'} in ${plays.length} ways`;
    return [
      `  ${page}: ${failed.length === 0 ? good : `WRONG in ${failed.length} of ${plays.length} ways`}`,
      ...failed.map(({ way, alerts, isBlocked }) => {
        const blocked = isBlocked ? 'blocked' : 'not blocked';
        return `      ${way}: expected ${sidList(expected)}, got ${sidList(alerts)}, ${blocked}`;
      }),
    ];
  });
  const all = [`${id}: ${title}`, ...faults.map((fault) => `  ${fault}`), ...lines];
  return all.map((line) => `${withoutControls(line)}\n`).join('');
}

const sidList = (sids: readonly number[]): string => (sids.length === 0 ? 'no alert' : sids.join(' and '));
