import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CR, LF } from '../base/ascii.ts';
import { TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { Turn } from './conversation.ts';

/** The transcripts of the patches that come with vpatch. */
export const SHIPPED_TRANSCRIPTS = fileURLToPath(new URL('../../fixtures/patches', import.meta.url));

/** What both sides of a connection send, and the rules that must alert. */
export interface Transcript {
  title: string;
  /** The server's port. */
  port: number;
  transport: 'tcp' | 'udp';
  turns: Turn[];
  /** Signature ids in ascending order; empty on a page that must not alert. */
  alerts: number[];
}

export interface TranscriptFile {
  /** The folder's name, as in `cve-2021-44228`. */
  patch: string;
  /** The file's name without `.md`. */
  name: string;
  kind: 'attack' | 'benign';
  file: string;
}

/** A page is not in the form of docs/patches.md; the message names the file, and the line where there is one. */
export class TranscriptError extends Error {
  override name = 'TranscriptError';
}

/** Reads a page. Throws TranscriptError. */
export const readTranscript = (file: string): Transcript => parseTranscript(readFileSync(file, 'utf8'), file);

/** The format is described in docs/patches.md. Throws TranscriptError. */
export function parseTranscript(text: string, file: string): Transcript {
  const page: Page = { file, prose: false, title: null, flow: null, turns: [], alerts: null };
  let block: Block | null = null;

  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const number = index + 1;
    if (block !== null) {
      if (line.trimEnd() === block.fence) {
        closeBlock(page, block);
        block = null;
      } else {
        block.lines.push(line);
      }
      continue;
    }
    const opening = /^(`{3,}|~{3,})[ \t]*(.*?)[ \t]*$/.exec(line);
    if (opening !== null) {
      block = { kind: opening[2]!, fence: opening[1]!, startLine: number, lines: [] };
      openBlock(page, block);
    } else {
      readProse(page, line, number);
    }
  }

  if (block !== null) fail(file, block.startLine, `the \`${block.kind}\` block is not closed`);
  if (page.title === null) fail(file, 1, 'no title: the page must begin with "# "');
  if (!page.prose) fail(file, 1, 'no prose: the page must say what it shows and why');
  if (page.turns.length === 0) fail(file, 1, 'no `client` or `server` block');
  const { port, transport } = page.flow ?? DEFAULT_FLOW;
  return { title: page.title, port, transport, turns: page.turns, alerts: page.alerts ?? [] };
}

/** The pages in `<directory>/<patch>`, sorted by patch and name. Throws TranscriptError for a file that is no page. */
export function transcriptsIn(directory: string): TranscriptFile[] {
  const found: TranscriptFile[] = [];
  for (const patch of readdirSync(directory).sort()) {
    for (const entry of readdirSync(join(directory, patch)).sort()) {
      const file = join(directory, patch, entry);
      const kind = /^(attack|benign)-[a-z0-9-]+\.md$/.exec(entry)?.[1];
      if (kind === undefined) throw new TranscriptError(`${file}: expected attack-<variant>.md or benign-<what>.md`);
      found.push({ patch, name: entry.slice(0, -'.md'.length), kind: kind as TranscriptFile['kind'], file });
    }
  }
  return found;
}

interface Flow {
  port: number;
  transport: 'tcp' | 'udp';
}

interface Page {
  readonly file: string;
  prose: boolean;
  title: string | null;
  flow: Flow | null;
  turns: Turn[];
  alerts: number[] | null;
}

interface Block {
  readonly kind: string;
  readonly fence: string;
  readonly startLine: number;
  readonly lines: string[];
}

const DEFAULT_FLOW: Flow = { port: 80, transport: 'tcp' };
const MAX_PORT = 65_535; // RFC 9293 §3.1: ports have 16 bits.

const SINGLE_ESCAPES: ReadonlyMap<string, number> = new Map([
  ['r', CR],
  ['n', LF],
  ['t', 0x09],
  ['\\', 0x5c],
]);

function fail(file: string, line: number, message: string): never {
  throw new TranscriptError(`${file}:${line}: ${message}`);
}

function readProse(page: Page, line: string, number: number): void {
  if (page.title === null) {
    if (line.trim() === '') return;
    if (!/^# \S/.test(line)) fail(page.file, number, 'no title: the page must begin with "# "');
    page.title = line.slice(2).trim();
  } else if (line.trim() !== '') {
    if (/^# /.test(line)) fail(page.file, number, 'a second title');
    page.prose = true;
  }
}

/** Judges a block's place as soon as it opens, so that the message names the line of its fence. */
function openBlock(page: Page, block: Block): void {
  const wrong = (message: string): never => fail(page.file, block.startLine, message);
  if (page.title === null) wrong('a block before the title');
  if (page.alerts !== null) wrong('a block after `alerts`');
  switch (block.kind) {
    case 'flow':
      if (page.flow !== null) wrong('a second `flow` block');
      if (page.turns.length > 0) wrong('`flow` must come before the first `client` or `server` block');
      return;
    case 'client':
    case 'server':
    case 'alerts':
      return;
    default:
      wrong(`unknown block "${block.kind}": expected flow, client, server or alerts`);
  }
}

function closeBlock(page: Page, block: Block): void {
  switch (block.kind) {
    case 'flow':
      page.flow = parseFlow(block, page.file);
      return;
    case 'alerts':
      page.alerts = parseAlerts(block, page.file);
      return;
    default: {
      const bytes = encodeBlock(block, page.file);
      if (bytes.length === 0) fail(page.file, block.startLine, `the \`${block.kind}\` block is empty`);
      page.turns.push({ direction: block.kind === 'client' ? TO_SERVER : TO_CLIENT, bytes });
    }
  }
}

function parseFlow(block: Block, file: string): Flow {
  const flow = { ...DEFAULT_FLOW };
  const seen = new Set<string>();
  for (const [index, line] of block.lines.entries()) {
    const number = block.startLine + 1 + index;
    if (line.trim() === '') continue;
    const [, key, value] = /^(\w+):[ \t]*(\S+)[ \t]*$/.exec(line) ?? fail(file, number, 'expected "key: value"');
    if (seen.has(key!)) fail(file, number, `"${key}" is given twice`);
    seen.add(key!);
    if (key === 'port') {
      flow.port = /^\d+$/.test(value!) ? Number(value) : 0;
      if (flow.port < 1 || flow.port > MAX_PORT) fail(file, number, `"${value}" is not a port`);
    } else if (key === 'transport') {
      if (value !== 'tcp' && value !== 'udp') fail(file, number, `unknown transport "${value}": expected tcp or udp`);
      flow.transport = value;
    } else {
      fail(file, number, `unknown key "${key}": expected port or transport`);
    }
  }
  return flow;
}

function parseAlerts(block: Block, file: string): number[] {
  const sids = new Set<number>();
  for (const [index, line] of block.lines.entries()) {
    const number = block.startLine + 1 + index;
    if (line.trim() === '') continue;
    if (!/^[1-9]\d*$/.test(line.trim())) fail(file, number, `"${line.trim()}" is not a signature id`);
    const sid = Number(line);
    if (sids.has(sid)) fail(file, number, `signature ${sid} is listed twice`);
    sids.add(sid);
  }
  return [...sids].sort((a, b) => a - b);
}

function encodeBlock(block: Block, file: string): Uint8Array {
  const blankAt = block.lines.indexOf('');
  const headEnd = blankAt === -1 ? block.lines.length : blankAt;
  const body = encodeLines(block.lines.slice(headEnd + 1), file, block.startLine + headEnd + 2);

  let hasStar = false;
  const head = block.lines.slice(0, headEnd).map((line, index) => {
    const star = /^(Content-Length:[ \t]*)\*$/i.exec(line);
    if (star === null) return line;
    const number = block.startLine + 1 + index;
    if (hasStar) fail(file, number, 'a second "Content-Length: *"');
    if (blankAt === -1) fail(file, number, '"Content-Length: *" needs a blank line and a body after it');
    hasStar = true;
    return `${star[1]}${body.length}`;
  });
  if (blankAt !== -1) head.push('');
  return Buffer.concat([encodeLines(head, file, block.startLine + 1), body]);
}

function encodeLines(lines: readonly string[], file: string, firstLine: number): Uint8Array {
  return Uint8Array.from(lines.flatMap((line, index) => encodeLine(line, file, firstLine + index)));
}

function encodeLine(line: string, file: string, number: number): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < line.length; ) {
    const backslashAt = line.indexOf('\\', at);
    bytes.push(...Buffer.from(line.slice(at, backslashAt === -1 ? line.length : backslashAt)));
    if (backslashAt === -1) break;
    if (backslashAt === line.length - 1) return bytes;

    const escaped = line[backslashAt + 1]!;
    const single = SINGLE_ESCAPES.get(escaped);
    if (single !== undefined) {
      bytes.push(single);
      at = backslashAt + 2;
      continue;
    }
    if (escaped !== 'x') fail(file, number, `unknown escape "\\${escaped}"`);
    const digits = line.slice(backslashAt + 2, backslashAt + 4);
    if (!/^[0-9A-Fa-f]{2}$/.test(digits)) fail(file, number, '"\\x" needs two hexadecimal digits');
    bytes.push(Number.parseInt(digits, 16));
    at = backslashAt + 4;
  }
  bytes.push(CR, LF);
  return bytes;
}
