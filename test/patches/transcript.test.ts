import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseTranscript, type Transcript, transcriptsIn } from '../../src/patches/transcript.ts';

const parse = (...lines: string[]): Transcript => parseTranscript(lines.join('\n'), 'page.md');
const withBlocks = (...lines: string[]): Transcript => parse('# Title', '', 'Why.', '', ...lines);
const textOf = (transcript: Transcript, turn = 0): string =>
  Buffer.from(transcript.turns[turn]!.bytes).toString('latin1');

describe('a page', () => {
  test('has a title, turns in order and the expected alerts', () => {
    const page = withBlocks(
      ...['```client', 'PING', '```', 'More prose.', '```server', 'PONG', '```'],
      ...['```client', 'QUIT', '```', '```alerts', '9000002', '9000001', '```'],
    );
    expect(page.title).toBe('Title');
    expect(page.turns.map((turn) => turn.direction)).toEqual([0, 1, 0]);
    expect(textOf(page, 1)).toBe('PONG\r\n');
    expect(page.alerts).toEqual([9000001, 9000002]);
  });

  test('is about TCP port 80 unless it says otherwise', () => {
    expect(withBlocks('```client', 'a', '```')).toMatchObject({ port: 80, transport: 'tcp', alerts: [] });
    expect(
      withBlocks('```flow', 'transport: udp', 'port: 11211', '```', '```client', 'a', '```', '```alerts', '```'),
    ).toMatchObject({ port: 11211, transport: 'udp', alerts: [] });
  });

  test('may be written with CRLF', () => {
    expect(textOf(parseTranscript('# T\r\n\r\nWhy.\r\n```client\r\na\r\n```\r\n', 'page.md'))).toBe('a\r\n');
  });

  test('may use a longer fence around text that holds a fence', () => {
    expect(textOf(withBlocks('````client', '```', '````'))).toBe('```\r\n');
  });
});

describe('bytes', () => {
  test('every line ends in CRLF unless a backslash ends it', () => {
    expect(textOf(withBlocks('```client', 'a', 'b\\', 'c\\', '```'))).toBe('a\r\nbc');
    expect(textOf(withBlocks('```client', 'a\\\\', '```'))).toBe('a\\\r\n');
  });

  test('escapes stand for one byte each', () => {
    expect(textOf(withBlocks('```client', '\\x00\\xfF\\r\\n\\t\\\\x41\\', '```'))).toBe('\x00\xff\r\n\t\\x41');
  });

  test('other characters are UTF-8', () => {
    expect([...withBlocks('```client', 'ı\\', '```').turns[0]!.bytes]).toEqual([0xc4, 0xb1]);
  });

  test('a starred length counts what follows the first blank line', () => {
    const page = withBlocks('```client', 'POST / HTTP/1.1', 'content-length: *', '', 'a', '', '\\x00b\\', '```');
    expect(textOf(page)).toBe('POST / HTTP/1.1\r\ncontent-length: 7\r\n\r\na\r\n\r\n\x00b');
  });

  test('a starred length after the first blank line is text', () => {
    expect(textOf(withBlocks('```client', 'a', '', 'Content-Length: *', '```'))).toContain('Content-Length: *');
  });

  test('a starred length may count nothing', () => {
    expect(textOf(withBlocks('```client', 'Content-Length: *', '', '```'))).toBe('Content-Length: 0\r\n\r\n');
  });
});

describe('a malformed page is an error that names file and line', () => {
  const client = ['```client', 'a', '```'];
  const cases: [what: string, lines: string[], message: RegExp][] = [
    ['no title', ['Text.'], /^page\.md:1: no title/],
    ['a block before the title', [...client, '# Title'], /^page\.md:1: a block before the title/],
    ['a second title', ['# Title', 'Why.', '# Title'], /^page\.md:3: a second title/],
    ['no prose', ['# Title', ...client], /^page\.md:1: no prose/],
    ['no turns', ['# Title', 'Why.'], /^page\.md:1: no `client`/],
    ['an open block', ['# Title', 'Why.', '```client', 'a'], /^page\.md:3: the `client` block is not closed/],
    ['an unknown block', ['# Title', 'Why.', '```http', '```'], /^page\.md:3: unknown block "http"/],
    ['a block without a name', ['# Title', 'Why.', '```', '```'], /^page\.md:3: unknown block ""/],
    ['an empty turn', ['# Title', 'Why.', '```client', '```'], /^page\.md:3: the `client` block is empty/],
    ['a second flow', ['# Title', '```flow', '```', '```flow', '```'], /^page\.md:4: a second `flow`/],
    ['a late flow', ['# Title', 'Why.', ...client, '```flow', '```'], /^page\.md:6: `flow` must come before/],
    ['a turn after the alerts', ['# Title', '```alerts', '```', ...client], /^page\.md:4: a block after `alerts`/],
    ['an unknown key', ['# Title', '```flow', 'host: a', '```'], /^page\.md:3: unknown key "host"/],
    ['a key given twice', ['# Title', '```flow', 'port: 1', 'port: 2', '```'], /^page\.md:4: "port" is given twice/],
    ['no key', ['# Title', '```flow', 'port 1', '```'], /^page\.md:3: expected "key: value"/],
    ['port 0', ['# Title', '```flow', 'port: 0', '```'], /^page\.md:3: "0" is not a port/],
    ['a port too high', ['# Title', '```flow', 'port: 65536', '```'], /^page\.md:3: "65536" is not a port/],
    ['a port in words', ['# Title', '```flow', 'port: http', '```'], /^page\.md:3: "http" is not a port/],
    ['a transport', ['# Title', '```flow', 'transport: sctp', '```'], /^page\.md:3: unknown transport "sctp"/],
    ['an alert in words', ['# Title', '```alerts', 'all', '```'], /^page\.md:3: "all" is not a signature id/],
    ['an alert twice', ['# Title', '```alerts', '7', '7', '```'], /^page\.md:4: signature 7 is listed twice/],
    ['an unknown escape', ['# Title', '```client', '', 'a', '\\q', '```'], /^page\.md:5: unknown escape "\\q"/],
    ['a short escape', ['# Title', '```client', 'a', '\\x4', '```'], /^page\.md:4: "\\x" needs two/],
    ['a length without body', ['# Title', '```client', 'Content-Length: *', '```'], /^page\.md:3: .* needs a blank/],
    [
      'two starred lengths',
      ['# Title', '```client', 'Content-Length: *', 'Content-Length: *', '', '```'],
      /^page\.md:4: a second "Content-Length: \*"/,
    ],
  ];
  test.each(cases)('%s', (_what, lines, message) => {
    expect(() => parse(...lines)).toThrow(message);
  });
});

describe('transcriptsIn', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vpatch-transcripts-'));
    mkdirSync(join(directory, 'cve-2'));
    mkdirSync(join(directory, 'cve-1'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('lists pages by patch and name', () => {
    writeFileSync(join(directory, 'cve-2', 'attack-a.md'), '');
    writeFileSync(join(directory, 'cve-1', 'benign-b.md'), '');
    writeFileSync(join(directory, 'cve-1', 'attack-c.md'), '');
    expect(transcriptsIn(directory)).toEqual([
      { patch: 'cve-1', name: 'attack-c', kind: 'attack', file: join(directory, 'cve-1', 'attack-c.md') },
      { patch: 'cve-1', name: 'benign-b', kind: 'benign', file: join(directory, 'cve-1', 'benign-b.md') },
      { patch: 'cve-2', name: 'attack-a', kind: 'attack', file: join(directory, 'cve-2', 'attack-a.md') },
    ]);
  });

  test('refuses a file that is no page', () => {
    writeFileSync(join(directory, 'cve-1', 'notes.md'), '');
    expect(() => transcriptsIn(directory)).toThrow('notes.md: expected attack-');
  });
});
