import { z } from 'zod';
import { formatSize, parseDurationMs, parseSizeBytes } from './units.ts';

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/** Every message says what was expected; where it went wrong and what stands there, the loader knows. */
export function expecting<T>(expected: string, parse: (value: unknown) => T | undefined): z.ZodType<T> {
  return z.unknown().transform((value, context) => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: `expected ${expected}`, input: value });
    return z.NEVER;
  });
}

export const oneOf = <const T extends readonly string[]>(values: T): z.ZodType<T[number]> =>
  expecting(alternatives(values), (value) => values.find((known) => known === value));

export const size = (min: number, max: number): z.ZodType<number> =>
  expecting(`a size such as 1MiB, from ${formatSize(min)} to ${formatSize(max)}`, (value) =>
    within(parseSizeBytes(value), min, max),
  );

export const duration = (): z.ZodType<number> => expecting('a duration such as 60s or 5m', parseDurationMs);

export const whole = (min: number, max: number): z.ZodType<number> =>
  expecting(`a whole number from ${min} to ${max}`, (value) => within(value, min, max));

/** A number, or a word that stands for "not limited" and becomes null. */
export const wholeOr = (word: string, min: number, max: number): z.ZodType<number | null> =>
  expecting(`a whole number from ${min} to ${max}, or ${word}`, (value) =>
    value === word ? null : within(value, min, max),
  );

export const text = (expected: string, form = /./s): z.ZodType<string> =>
  expecting(expected, (value) => (typeof value === 'string' && form.test(value) ? value : undefined));

export const flag = (): z.ZodType<boolean> =>
  expecting('true or false', (value) => (typeof value === 'boolean' ? value : undefined));

export const flagOr = <const W extends string>(word: W): z.ZodType<boolean | W> =>
  expecting(`true, false or ${word}`, (value) =>
    typeof value === 'boolean' || value === word ? (value as W) : undefined,
  );

export const list = <T>(expected: string, item: z.ZodType<T>): z.ZodType<readonly T[]> =>
  expecting<unknown[]>(`a list of ${expected}`, (value) => (Array.isArray(value) ? value : undefined)).pipe(
    z.array(item),
  );

export const distinct = <T>(items: z.ZodType<readonly T[]>): z.ZodType<readonly T[]> =>
  items.refine((values) => new Set(values).size === values.length, 'expected each of them once');

/** Not a union: of a list with a wrong item, that item is to be told. */
export const allOr = <T>(schema: z.ZodType<T>): z.ZodType<T | 'all'> =>
  z.unknown().transform((value, context) => {
    if (value === 'all') return value;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const { message, path } of parsed.error.issues) context.addIssue({ code: 'custom', message, path });
    return z.NEVER;
  });

/** Keys that the user chooses. */
export const named = <T>(key: z.ZodType<string, string>, value: z.ZodType<T>): z.ZodType<Record<string, T>> =>
  mapping(z.record(key, value));

export const variableName = (example: string): z.ZodType<string, string> =>
  z.string().regex(NAME, `expected a name such as ${example} as the key`);

/** A block of keys that we choose; a key that is not ours is an error. An empty block (`flow:`) is no block. */
const mapping = <S extends z.ZodType>(schema: S): z.ZodType<z.output<S>> =>
  expecting('a block of "key: value" lines', (value) =>
    value === null ? {} : typeof value === 'object' && !Array.isArray(value) ? value : undefined,
  ).pipe(schema as z.ZodType<z.output<S>, object>);

/** A key of the file, and the field of `Config` that it sets. */
interface Key<Field extends string, T> {
  readonly field: Field;
  readonly schema: z.ZodType<T>;
}

export const key = <const Field extends string, T>(field: Field, schema: z.ZodType<T>): Key<Field, T> => ({
  field,
  schema,
});

type Keys = Readonly<Record<string, Key<string, unknown>>>;
type Section<K extends Keys> = {
  [Name in keyof K as K[Name]['field']]?: K[Name] extends Key<string, infer T> ? T : never;
};

/** Which keys a block may have, to suggest the right one for a wrong one. */
export const keysOfSection = new WeakMap<z.ZodType, Readonly<Record<string, z.ZodType>>>();

/** A block of the configuration with these keys, each of which may be left out; any other is refused. */
export function section<const K extends Keys>(keys: K): z.ZodType<Section<K>> {
  const shape = Object.fromEntries(Object.entries(keys).map(([name, { schema }]) => [name, schema.optional()]));
  const schema = mapping(
    z.strictObject(shape).transform((values) => {
      const fields: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(values)) {
        if (value !== undefined) fields[keys[name]!.field] = value;
      }
      return fields as Section<K>;
    }),
  );
  keysOfSection.set(schema, Object.fromEntries(Object.entries(keys).map(([name, { schema }]) => [name, schema])));
  return schema;
}

function within(value: unknown, min: number, max: number): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
}

/** `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
