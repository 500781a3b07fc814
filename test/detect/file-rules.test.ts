import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mergeConfig } from '../../src/config/overrides.ts';
import { compileRuleset } from '../../src/service/rule-set.ts';
import { readRuleTexts } from '../../src/service/rule-texts.ts';
import { conversation, playPackets, type Turn } from '../support/play.ts';
import { alertsOf, alertsOfEach, down, everyCut, up } from './support.ts';

const rule = (options: string, sid = 1): string => `alert ip any any -> any any (${options} sid:${sid};)`;
const answer = (body: string, fields = '', lengthBytes = body.length): Turn =>
  down(`HTTP/1.1 200 OK\r\n${fields}Content-Length: ${lengthBytes}\r\n\r\n${body}`);
const get = (target: string): Turn => up(`GET ${target} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
const put = (target: string, body: string, method = 'PUT'): string =>
  `${method} ${target} HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const part = (name: string, content: string): string =>
  `--b\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\n\r\n${content}\r\n`;
function form(...parts: string[]): string {
  const body = `${parts.join('')}--b--\r\n`;
  return put('/form', body, 'POST').replace(
    'Content-Len',
    'Content-Type: multipart/form-data; boundary=b\r\nContent-Len',
  );
}
const mail = (name: string, content: string): Turn[] => [
  down('220 a.example ESMTP\r\n'),
  up('EHLO b.example\r\n'),
  down('250 a.example\r\n'),
  up('MAIL FROM:<a@a.example>\r\nRCPT TO:<b@a.example>\r\nDATA\r\n'),
  down('250 ok\r\n250 ok\r\n354 go on\r\n'),
  up(`Content-Type: application/octet-stream; name="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n`),
  up(`${Buffer.from(content).toString('base64')}\r\n.\r\n`),
  down('250 ok\r\n'),
];

const content = 'evil content';
const ruleFiles = Object.fromEntries(
  ['md5', 'sha1', 'sha256'].map((name) => [`bad.${name}`, `${createHash(name).update(content).digest('hex')}  evil\n`]),
);
const digestRule = (algorithm: string, options = '', negation = ''): string =>
  rule(`file${algorithm}:${negation}bad.${algorithm}; ${options}`);

describe('the name of a file', () => {
  test.each([
    ['the path of a response', [get('/a/b%2e/x.PDF?q=1.exe'), answer('x')], '/a/b./x.PDF'],
    [
      'Content-Disposition',
      [get('/a'), answer('x', 'Content-Disposition: attachment; filename="r 1.pdf"\r\n')],
      'r 1.pdf',
    ],
    ['the path of an upload', [up(put('/up/x.pdf', 'x'))], '/up/x.pdf'],
    ['a part of a form', [up(form(part('a.pdf', 'x'), part('b.pdf', 'y')))], 'b.pdf'],
    ['an attachment', mail('m.pdf', 'x'), 'm.pdf'],
  ])('is that of %s', (_what, turns, name) => {
    const whole = `file.name; content:"${name}"; startswith; endswith;`;
    const rules = [rule(whole, 1), rule('fileext:"pdf";', 2), rule('filename:!".Pdf";', 3), rule('filestore;', 4)];
    const sids = alertsOf(rules.join('\n'), turns);
    expect(new Set(sids)).toEqual(new Set([1, 2, 4]));
  });

  test.each([
    ['a request without a body', [get('/x.pdf')]],
    ['a response without a body', [get('/x.pdf'), answer('')]],
    ['a form without files', [up(form())]],
  ])('there is no file in %s', (_what, turns) => {
    expect(alertsOf([rule('filestore;', 1), rule('filename:!"y";', 2)].join('\n'), turns)).toEqual([]);
  });
});

describe('the kind of a file', () => {
  const rules = [
    rule('filemagic:"pdf document";', 1),
    rule('filemagic:!"pdf";', 2),
    rule('file.magic; content:"PDF document, version 1.6"; bsize:25;', 3),
    rule('filemagic:"ASCII"; fileext:"txt";', 4),
  ].join('\n');

  test.each([
    ['a response', [get('/'), answer('%PDF-1.6\n')], [1, 3]],
    ['a text', [get('/a.txt'), answer('hello\n')], [2, 4]],
    ['a part of a form', [up(form(part('a.txt', 'hello\n'), part('b.bin', '%PDF-1.6\n')))], [1, 2, 3, 4]],
    ['an attachment', mail('m.pdf', '%PDF-1.6\n'), [1, 3]],
  ])('is what %s begins like', (_what, turns, sids) => {
    expect(alertsOf(rules, turns).sort()).toEqual(sids);
  });

  test('is known before the file is at its end, and not before it is sure', () => {
    const body = `%PDF-1.6\n${'x'.repeat(1000)}`;
    const turns = [
      get('/'),
      answer(body.slice(0, 511), '', body.length),
      down(body.slice(511, 512)),
      down(body.slice(512)),
    ];
    const { dropped } = playPackets(conversation(turns), {
      mode: 'prevent',
      rules: 'drop http any any -> any any (filemagic:"PDF"; sid:1;)',
    });
    // The handshake, the request, the first piece, each with its acknowledgement: the eighth brings byte 512.
    expect(dropped[0]).toBe(8);
  });

  test('is the same at every cut', () => {
    const connections = everyCut(put('/x', '%PDF-1.6\n')).map((pieces) => pieces.map(up));
    expect(alertsOfEach(rule('filemagic:"PDF";'), connections)).toEqual(connections.map(() => [1]));
  });
});

describe('the digest of a file', () => {
  test.each(['md5', 'sha1', 'sha256'])('%s is found at every cut, and once', (algorithm) => {
    const connections = everyCut(put('/x', content)).map((parts) => parts.map(up));
    expect(alertsOfEach(digestRule(algorithm), connections, { ruleFiles })).toEqual(connections.map(() => [1]));
  });

  test.each([
    ['a response', [get('/'), answer(content)], true],
    [
      'a chunked response',
      [get('/'), down('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n8\r\n content\r\n0\r\n\r\n')],
      true,
    ],
    ['a part of a form', [up(form(part('other', 'good'), part('b', content)))], true],
    ['an attachment', mail('a', content), true],
    ['another file', [get('/'), answer(`${content}.`)], false],
  ])('of %s', (_what, turns, isKnown) => {
    expect(alertsOf(digestRule('sha256'), turns, { ruleFiles })).toEqual(isKnown ? [1] : []);
    expect(alertsOf(digestRule('sha256', 'filename:!"other";', '!'), turns, { ruleFiles })).toEqual(isKnown ? [] : [1]);
  });

  test('does not exist where the file is not whole', () => {
    const cut = [get('/'), answer(content, '', 100)];
    for (const negation of ['', '!']) expect(alertsOf(digestRule('md5', '', negation), cut, { ruleFiles })).toEqual([]);
    expect(alertsOf([rule('filesize:>5;', 1), rule('filesize:12;', 2)].join('\n'), cut)).toEqual([1]);
  });

  test('drops the packet that brings the last byte', () => {
    const rules = digestRule('md5').replace('alert', 'drop');
    const turns = [up(put('/x', content).slice(0, -1)), up('t')];
    expect(alertsOf(rules, turns, { mode: 'prevent', ruleFiles })).toEqual([1]);
  });
});

test('what a rule asks of files holds of one of them', () => {
  const turns = [up(form(part('small.exe', 'x'), part('big.txt', 'x'.repeat(1000))))];
  const rules = [
    rule('fileext:"exe"; filesize:>100;', 1),
    rule('fileext:"txt"; filesize:>100;', 2),
    rule('filesize:<10; file.name; content:"small";', 3),
    rule('filesize:<10; file.name; content:"big";', 4),
  ];
  expect(alertsOf(rules.join('\n'), turns).sort()).toEqual([2, 3]);
});

test('a rule on files matches again by a later file that fits', () => {
  const upload = form(part('a.exe', 'x'), part('b.txt', 'y'), part('c.exe', 'z'));
  const turns = [...upload].map(up);
  expect(alertsOf([rule('fileext:"exe";', 1), rule('file.data; content:"x";', 2)].join('\n'), turns).sort()).toEqual([
    1, 1, 2,
  ]);
  expect(alertsOf(rule('fileext:"exe"; http.method; content:"POST";'), [up(upload)])).toEqual([1]);
});

test('lists are read from beside the rules', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vpatch-files-'));
  try {
    for (const [name, text] of Object.entries(ruleFiles)) writeFileSync(join(folder, name), text);
    const file = join(folder, 'test.rules');
    writeFileSync(
      file,
      ['filemd5:bad.md5;', 'filesha1: !bad.sha1 ;', 'filesha256:"bad.sha256";']
        .map((options, i) => rule(options, i + 1))
        .join('\n'),
    );
    const config = mergeConfig({ rules: { files: [file] } });
    expect(compileRuleset(readRuleTexts(config), config).diagnostics).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
