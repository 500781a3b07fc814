import { deserialize, serialize } from 'node:v8';
import type { Arrangement } from '../detect/arrangement.ts';
import type { SerializedDatabases } from '../detect/pattern-databases.ts';
import type { RulePlace } from '../rules/rule.ts';
import type { RuleReport } from './rule-set.ts';

/** What compiling and arranging rules has yielded, for threads that make the rules when they need them. */
export interface ImageParts {
  readonly report: RuleReport;
  /** Where each loaded rule stands, by its index in the arrangement. */
  readonly places: readonly RulePlace[];
  /** See CompiledRules. */
  readonly dataUsers: readonly RulePlace[];
  /** Names of the sets of values that the rules have. */
  readonly datasets: readonly string[];
  readonly arrangement: Arrangement;
  readonly databases: SerializedDatabases;
}

/** libhs wants its databases at multiples of it. */
const ALIGNMENT = 64;
/** Of the head, before it. */
const LENGTH_BYTES = 4;

/** First and behind the last byte. */
type Range = readonly [number, number];

interface Head {
  readonly report: RuleReport;
  readonly datasets: readonly string[];
  readonly index: Range;
  readonly texts: Range;
  readonly databases: Readonly<Record<string, Range>>;
}

/** All but the texts, which have an encoding of their own since they are most of it. */
interface Index {
  readonly arrangement: Arrangement;
  readonly dataUsers: readonly RulePlace[];
  readonly files: readonly string[];
  /** By rule: of `files`, the line, and where its text ends. */
  readonly fileOf: Int32Array;
  readonly lineOf: Int32Array;
  readonly textEnds: Int32Array;
}

/**
 * Rules in a form that crosses threads and can be kept in a file: one piece of memory, shared by all threads that have
 * it. Its bytes are trusted: they must come from ourselves, by the same build.
 */
export class RuleImage {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly #head: Head;

  /** Throws SyntaxError, RangeError or TypeError for bytes that are none. */
  constructor(bytes: Uint8Array<SharedArrayBuffer>) {
    this.bytes = bytes;
    const headBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    this.#head = JSON.parse(bufferOf(bytes, [LENGTH_BYTES, LENGTH_BYTES + headBytes]).toString('utf8')) as Head;
  }

  static of({ report, places, dataUsers, datasets, arrangement, databases }: ImageParts): RuleImage {
    const files = [...new Set(places.map(({ file }) => file))];
    const numberOf = new Map(files.map((file, number) => [file, number]));
    const texts = places.map(({ text }) => Buffer.from(text, 'utf8'));
    let end = 0;
    const index: Index = {
      arrangement,
      dataUsers,
      files,
      fileOf: Int32Array.from(places, ({ file }) => numberOf.get(file)!),
      lineOf: Int32Array.from(places, ({ line }) => line),
      textEnds: Int32Array.from(texts, ({ length }) => {
        end += length;
        return end;
      }),
    };
    const sections: Uint8Array[] = [serialize(index), Buffer.concat(texts), ...databases.values()];
    const keys = [...databases.keys()];
    const headFor = (start: number): { head: Uint8Array; ranges: readonly Range[] } => {
      let at = start;
      const ranges = sections.map(({ length }): Range => {
        const from = at;
        at = aligned(from + length);
        return [from, from + length];
      });
      const [indexAt, textsAt, ...databasesAt] = ranges as [Range, Range, ...Range[]];
      const named = Object.fromEntries(keys.map((key, i) => [key, databasesAt[i]!]));
      const head: Head = { report, datasets, index: indexAt, texts: textsAt, databases: named };
      return { head: Buffer.from(JSON.stringify(head), 'utf8'), ranges };
    };
    // Places further back have more digits: room for them is a matter of some bytes for each section.
    const start = aligned(LENGTH_BYTES + headFor(0).head.length + sections.length * 2 * MAX_PLACE_DIGITS);
    const { head, ranges } = headFor(start);
    const bytes = new Uint8Array(new SharedArrayBuffer(aligned(ranges.at(-1)![1])));
    new DataView(bytes.buffer).setUint32(0, head.length, true);
    bytes.set(head, LENGTH_BYTES);
    for (const [i, section] of sections.entries()) bytes.set(section, ranges[i]![0]);
    return new RuleImage(bytes);
  }

  get report(): RuleReport {
    return this.#head.report;
  }

  get datasets(): readonly string[] {
    return this.#head.datasets;
  }

  /** Every database, borrowed. */
  get databases(): SerializedDatabases {
    return new Map(Object.keys(this.#head.databases).map((key) => [key, this.database(key)]));
  }

  /** Borrowed. */
  database(key: string): Uint8Array {
    return bufferOf(this.bytes, this.#head.databases[key]!);
  }

  /** What is in it beside the databases. Numbers are borrowed. */
  open(): Pick<ImageParts, 'arrangement' | 'dataUsers'> & { readonly placeOf: (index: number) => RulePlace } {
    const index = deserialize(bufferOf(this.bytes, this.#head.index)) as Index;
    const { files, fileOf, lineOf, textEnds } = index;
    const texts = bufferOf(this.bytes, this.#head.texts);
    return {
      arrangement: index.arrangement,
      dataUsers: index.dataUsers,
      placeOf: (i) => ({
        file: files[fileOf[i]!]!,
        line: lineOf[i]!,
        text: texts.toString('utf8', i === 0 ? 0 : textEnds[i - 1]!, textEnds[i]!),
      }),
    };
  }
}

const MAX_PLACE_DIGITS = 10;

const aligned = (at: number): number => Math.ceil(at / ALIGNMENT) * ALIGNMENT;

const bufferOf = ({ buffer, byteOffset }: Uint8Array<SharedArrayBuffer>, [start, end]: Range): Buffer =>
  Buffer.from(buffer, byteOffset + start, end - start);
