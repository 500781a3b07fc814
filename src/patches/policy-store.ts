import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { policyFolder, policyRulesFile } from '../config/state-paths.ts';
import { type Composed, type PatchPolicy, type Pins, policySchema } from './policy.ts';
import { FILE_MODE, replaceFile } from './state-file.ts';

const historyLine = z.object({ timeMs: z.number(), version: z.string(), why: z.string() });
export type HistoryLine = z.output<typeof historyLine>;

const pinsSchema = policySchema.shape.pins;

/** A file of the state folder is not as we wrote it. */
export class StateError extends Error {
  override name = 'StateError';
}

/**
 * Policies on disk: every version stays, and one is current. The current one is a link, so that a change is one step:
 * who loads rules meanwhile has the old ones or the new ones.
 */
export class PolicyStore {
  readonly #stateFolder: string;
  readonly #folder: string;

  constructor(stateFolder: string) {
    this.#stateFolder = stateFolder;
    this.#folder = policyFolder(stateFolder);
  }

  /** The rule file of the current policy. */
  get rulesFile(): string {
    return policyRulesFile(this.#stateFolder);
  }

  /** Null: none was ever applied. */
  current(): PatchPolicy | null {
    const last = this.history().at(-1);
    return last === undefined ? null : this.read(last.version);
  }

  /** Null: there is none of this version. */
  read(version: string): PatchPolicy | null {
    const path = this.#versionFile(version, 'json');
    return existsSync(path) ? readState(path, policySchema) : null;
  }

  /** What became current and when, the latest last. */
  history(): HistoryLine[] {
    const path = join(this.#folder, 'history.jsonl');
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => parseState(line, path, historyLine));
  }

  pins(): Pins {
    const path = join(this.#folder, 'pins.json');
    return existsSync(path) ? readState(path, pinsSchema) : {};
  }

  setPins(pins: Pins): void {
    replaceFile(join(this.#folder, 'pins.json'), `${JSON.stringify(pins, null, 2)}\n`);
  }

  /** Makes a policy current. False: it was already, and only its reasons may be new. */
  apply({ policy, rules }: Composed, timeMs: number, why: string): boolean {
    const { version } = policy;
    replaceFile(this.#versionFile(version, 'rules'), rules);
    replaceFile(this.#versionFile(version, 'json'), `${JSON.stringify(policy, null, 2)}\n`);
    return this.makeCurrent(version, timeMs, why);
  }

  /** False: it was already. */
  makeCurrent(version: string, timeMs: number, why: string): boolean {
    if (this.history().at(-1)?.version === version && existsSync(this.rulesFile)) return false;
    const draft = `${this.rulesFile}.${process.pid}.new`;
    rmSync(draft, { force: true });
    symlinkSync(`versions/${version}.rules`, draft);
    renameSync(draft, this.rulesFile);
    const line = `${JSON.stringify({ timeMs, version, why })}\n`;
    appendFileSync(join(this.#folder, 'history.jsonl'), line, { mode: FILE_MODE });
    return true;
  }

  #versionFile(version: string, extension: 'json' | 'rules'): string {
    return join(this.#folder, 'versions', `${version}.${extension}`);
  }
}

export const readState = <T>(path: string, schema: z.ZodType<T>): T =>
  parseState(readFileSync(path, 'utf8'), path, schema);

function parseState<T>(text: string, path: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new StateError(`${path} is damaged: remove it, and scan again`);
  }
}
