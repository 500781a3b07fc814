import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHttp } from '../../src/app/http/http.ts';
import type { HttpOptions } from '../../src/app/http/options.ts';
import type { HttpTransaction } from '../../src/app/http/transaction.ts';
import { type AppSink, STAGE } from '../../src/app/protocol.ts';
import { latin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { parseTranscript } from '../../src/patches/transcript.ts';
import { channel } from './support.ts';

/** Bytes that one side sends, or (`missingBytes`) that nobody saw. */
export interface Step {
  direction: Direction;
  bytes: Uint8Array;
  missingBytes: number;
}

/** A section of a page below `fixtures/app/http`; its format is described in the README there. */
export interface HttpCase {
  name: string;
  steps: Step[];
  events: string[];
  /** `id side buffer "content"`. */
  buffers: string[];
}

export function httpCases(): HttpCase[] {
  const cases: HttpCase[] = [];
  for (const file of readdirSync(FOLDER).sort()) {
    if (!file.endsWith('.md') || file === 'README.md') continue;
    cases.push(...casesOf(join(FOLDER, file)));
  }
  return cases;
}

function casesOf(path: string): HttpCase[] {
  const cases: HttpCase[] = [];
  let current: HttpCase | null = null;
  let kind: string | null = null;
  let block: string[] = [];
  let blockLine = 0;
  for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    const fail = (message: string): never => {
      throw new Error(`${path}:${index + 1}: ${message}`);
    };
    if (kind === null) {
      const title = /^## (\S.*)$/.exec(line);
      if (title !== null) {
        current = {
          name: `${path.slice(FOLDER.length + 1)}:${index + 1} ${title[1]}`,
          steps: [],
          events: [],
          buffers: [],
        };
        cases.push(current);
      }
      const fence = /^```(\S+)$/.exec(line);
      if (fence === null) continue;
      if (current === null) fail('a block before the first "## "');
      kind = fence[1]!;
      block = [];
      blockLine = index + 1;
      continue;
    }
    if (line !== '```') {
      block.push(line);
      continue;
    }
    switch (kind) {
      case 'client':
      case 'server':
        current!.steps.push({
          direction: kind === 'client' ? TO_SERVER : TO_CLIENT,
          bytes: bytesOf(kind, block, path, blockLine),
          missingBytes: 0,
        });
        break;
      case 'gap': {
        const gap = /^(client|server) (\d+)$/.exec(block[0] ?? '') ?? fail('expected "client N" or "server N"');
        current!.steps.push({
          direction: gap[1] === 'client' ? TO_SERVER : TO_CLIENT,
          bytes: new Uint8Array(0),
          missingBytes: Number(gap[2]),
        });
        break;
      }
      case 'events':
        current!.events.push(...block);
        break;
      case 'buffers':
        current!.buffers.push(...block);
        break;
      default:
        fail(`unknown block "${kind}"`);
    }
    kind = null;
  }
  if (kind !== null) throw new Error(`${path}:${blockLine}: the block is not closed`);
  return cases;
}

/** The same rules for bytes as in the transcripts of the virtual patches. */
function bytesOf(kind: string, block: readonly string[], path: string, line: number): Uint8Array {
  const page = ['# Section', '', 'Prose.', ...Array.from({ length: Math.max(0, line - 4) }, () => ''), `\`\`\`${kind}`];
  return parseTranscript([...page, ...block, '```'].join('\n'), path).turns[0]!.bytes;
}

/** What a sink is told, as lines; and each transaction's buffers when their direction is complete. */
export class Trace implements AppSink {
  readonly lines: string[] = [];
  readonly buffers = new Map<string, string>();
  /** `id direction` of what was complete: each must come once. */
  readonly completed = new Map<string, number>();

  onProgress(transaction: { id: number }, direction: Direction, stage: number): void {
    const tx = transaction as HttpTransaction;
    const read = (name: string): string => quoted(this.#read(tx, direction, name));
    const { id } = tx;
    if (stage === STAGE.head) {
      if (direction === TO_SERVER) this.lines.push(`${id} request ${read('http.method')} ${read('http.uri')}`);
      else this.lines.push(`${id} response ${read('http.stat_code')}`);
    } else if (stage === STAGE.complete) {
      const side = direction === TO_SERVER ? 'request' : 'response';
      const key = `${id} ${side}`;
      this.completed.set(key, (this.completed.get(key) ?? 0) + 1);
      const body = this.#read(tx, direction, `http.${side}_body`);
      this.lines.push(`${id} ${side}-end${body === null ? '' : ` ${quoted(body)}`}`);
      for (const buffer of HTTP.buffers) {
        if (buffer.direction !== null && buffer.direction !== direction) continue;
        for (let nth = 0; ; nth++) {
          const bytes = buffer.read(tx, direction, nth);
          const key = `${id} ${direction === TO_SERVER ? 'client' : 'server'} ${buffer.name}${nth > 0 ? `#${nth}` : ''}`;
          if (bytes === null) {
            if (nth === 0) this.buffers.set(key, 'none');
            break;
          }
          this.buffers.set(key, quoted(bytes));
        }
      }
    }
  }

  onEvent(transaction: { id: number } | null, _direction: Direction, event: string): void {
    this.lines.push(`${transaction === null ? '-' : transaction.id} ! ${event}`);
  }

  #read(tx: HttpTransaction, direction: Direction, name: string): Uint8Array | null {
    return HTTP.buffers.find((buffer) => buffer.name === name)!.read(tx, direction, 0);
  }
}

/** Plays steps into a parser of its own. The bytes are overwritten after each call, since they are only lent. */
export function play(steps: readonly Step[], options: Partial<HttpOptions> = {}): Trace {
  const trace = new Trace();
  const parser = createHttp(options).open(trace, channel());
  for (const { direction, bytes, missingBytes } of steps) {
    if (missingBytes > 0) {
      parser.gap(direction, missingBytes);
      continue;
    }
    const lent = new Uint8Array(bytes.length + 8).fill(0x0a);
    lent.set(bytes, 4);
    parser.consume(direction, lent, 4, 4 + bytes.length);
    lent.fill(0x58);
  }
  parser.end(TO_SERVER);
  parser.end(TO_CLIENT);
  return trace;
}

export const step = (direction: Direction, bytes: Uint8Array): Step => ({ direction, bytes, missingBytes: 0 });

function quoted(bytes: Uint8Array | null): string {
  if (bytes === null) return 'none';
  const text = latin1(bytes).replace(/[\\"\x00-\x1f\x7f-\xff]/g, (character) => {
    const short = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\\': '\\\\', '"': '\\"' }[character];
    return short ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${text}"`;
}

const FOLDER = 'fixtures/app/http';
const HTTP = createHttp();
