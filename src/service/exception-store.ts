import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { parseAddressRange } from '../base/address-range.ts';
import { makeFolder } from '../base/make-folder.ts';
import { reasonOf } from '../config/problem.ts';
import type { Exception } from '../detect/exceptions.ts';
import { checkNamed } from '../verdict/checks.ts';

const MAX_TEXT_CHARACTERS = 1_000;
/** Each is held against every match: many more would rather be a change of the rule. */
const MAX_EXCEPTIONS = 10_000;
/** What a Date can be (ECMA-262, 21.4.1.1). */
const MAX_TIME_MS = 8.64e15;

const network = z.string().refine((text) => parseAddressRange(text) !== null, 'expected a network such as 10.0.0.0/8');
const orNull = <T extends z.ZodType>(schema: T): z.ZodDefault<z.ZodNullable<T>> => schema.nullable().default(null);

/** What `except add` may ask for. */
export const newExceptionSchema = z
  .strictObject({
    sid: orNull(z.int().min(1).max(0xffff_ffff)),
    check: orNull(z.string().refine((name) => checkNamed(name) !== null, 'no always-on check has this name')),
    source: orNull(network),
    destination: orNull(network),
    port: orNull(z.int().min(1).max(0xffff)),
    path: orNull(z.string().min(1).max(MAX_TEXT_CHARACTERS).startsWith('/', 'expected a path that begins with /')),
    untilMs: orNull(z.number().min(0).max(MAX_TIME_MS, 'expected a time before the year 275760')),
    reason: orNull(z.string().max(MAX_TEXT_CHARACTERS)),
  })
  .refine(
    ({ sid, check, source, destination, port, path }) =>
      [sid, check, source, destination, port, path].some((value) => value !== null),
    'an exception for everything would switch inspection off: say for which rule, check, address, port or path',
  )
  .refine(({ sid, check }) => sid === null || check === null, 'an exception is for a rule or for a check, not for both')
  .refine(({ check, path }) => check === null || path === null, 'a check looks at packets: it knows no path');
export type NewException = z.output<typeof newExceptionSchema>;

const fileSchema = z.strictObject({
  version: z.literal(1),
  nextId: z.int().min(1),
  exceptions: z.array(z.intersection(z.object({ id: z.int().min(1) }), z.looseObject({}))),
});

/** The file, or what was asked for, is not as it has to be. The message is for the administrator. */
export class ExceptionError extends Error {
  override name = 'ExceptionError';
}

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * The exceptions of this host, in a file of their own: rule files are replaced by whoever updates them, this is not.
 */
export class ExceptionStore {
  readonly #file: string;
  #exceptions: readonly Exception[];
  #nextId: number;

  private constructor(file: string, exceptions: readonly Exception[], nextId: number) {
    this.#file = file;
    this.#exceptions = exceptions;
    this.#nextId = nextId;
  }

  /** A file that is not there yet holds none. Throws ExceptionError where it cannot be read or understood. */
  static open(file: string): ExceptionStore {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new ExceptionStore(file, [], 1);
      throw new ExceptionError(`${file}: the exceptions cannot be read: ${reasonOf(error)}`);
    }
    try {
      const { nextId, exceptions } = fileSchema.parse(JSON.parse(text));
      const parsed = exceptions.map(({ id, ...rest }) => ({ id, ...newExceptionSchema.parse(rest) }));
      return new ExceptionStore(file, parsed, nextId);
    } catch {
      throw new ExceptionError(
        `${file} is not what vpatch has written there: mend it, or remove it and lose its exceptions`,
      );
    }
  }

  get all(): readonly Exception[] {
    return this.#exceptions;
  }

  /** Throws ExceptionError when it cannot be written; then nothing has changed. Those that are over are forgotten. */
  add(wanted: NewException, nowMs: number): Exception {
    const current = this.#exceptions.filter(({ untilMs }) => untilMs === null || untilMs > nowMs);
    if (current.length >= MAX_EXCEPTIONS) throw new ExceptionError(`there are ${MAX_EXCEPTIONS} exceptions already`);
    const added = { id: this.#nextId, ...wanted };
    this.#write([...current, added], this.#nextId + 1);
    return added;
  }

  /** Returns those that were removed. Throws ExceptionError, and removes none, when one is not there. */
  remove(ids: readonly number[]): readonly Exception[] {
    const missing = ids.filter((id) => this.#exceptions.every((exception) => exception.id !== id));
    if (missing.length > 0) throw new ExceptionError(`there is no exception ${missing.join(', ')}`);
    const removed = this.#exceptions.filter(({ id }) => ids.includes(id));
    this.#write(
      this.#exceptions.filter(({ id }) => !ids.includes(id)),
      this.#nextId,
    );
    return removed;
  }

  /** Whole or not at all, also when the power fails. */
  #write(exceptions: readonly Exception[], nextId: number): void {
    const beside = `${this.#file}.new`;
    try {
      makeFolder(dirname(this.#file), FOLDER_MODE);
      const text = `${JSON.stringify({ version: 1, nextId, exceptions }, null, 2)}\n`;
      writeFileSync(beside, text, { mode: FILE_MODE, flush: true });
      renameSync(beside, this.#file);
    } catch (error) {
      throw new ExceptionError(`${this.#file}: the exceptions cannot be written: ${reasonOf(error)}`);
    }
    this.#exceptions = exceptions;
    this.#nextId = nextId;
  }
}
