import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Message } from '../../../src/service/notify/notice.ts';
import { renderMessage } from '../../../src/service/notify/render.ts';

const message = (title: string, value = 'value', count = 1): Message => ({
  timeMs: 0,
  groups: [
    {
      notice: { kind: 'blocks', group: 'g', title, details: [['source', value]], advice: 'Look', count: 1, timeMs: 0 },
      count,
      firstMs: 0,
      lastMs: count === 1 ? 0 : 60_000,
    },
  ],
  leftOutEvents: 0,
});
const OPTIONS = { host: 'web1', lostMessages: 0 };

test('says it as text', () => {
  const rendered = renderMessage({ ...message('Blocked: X', '192.0.2.1', 5), leftOutEvents: 3 }, OPTIONS);
  expect(rendered.subject).toBe('[vpatch web1] Blocked: X');
  expect(rendered.text).toBe(
    `vpatch on web1:

Blocked: X
  source: 192.0.2.1
  count: 5
  time: 1970-01-01T00:00:00.000Z to 1970-01-01T00:01:00.000Z
  Look.

3 events of other rules and sources left out.
`,
  );
});

test('says it to programs', () => {
  expect(renderMessage(message('Blocked: X', 'v', 2), { host: 'web1', lostMessages: 1 }).data).toEqual({
    host: 'web1',
    time: '1970-01-01T00:00:00.000Z',
    notices: [
      {
        kind: 'blocks',
        title: 'Blocked: X',
        count: 2,
        first: '1970-01-01T00:00:00.000Z',
        last: '1970-01-01T00:01:00.000Z',
        details: { source: 'v' },
        advice: 'Look',
      },
    ],
    left_out_events: 0,
    lost_messages: 1,
  });
});

test('failures come before what was blocked', () => {
  const [block] = message('Blocked: X').groups;
  const failure = { ...block!, notice: { ...block!.notice, kind: 'failures' as const, title: 'worker gone' } };
  const { subject } = renderMessage({ timeMs: 0, groups: [block!, failure], leftOutEvents: 0 }, OPTIONS);
  expect(subject).toBe('[vpatch web1] worker gone (and 1 more)');
});

test('no text becomes markup, another line or another header', () => {
  const hostile = fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', '\r', '\n', '\x1b', 'a', '\t') });
  const plain = renderMessage(message('t', 'v'), OPTIONS);
  const tagsOf = (html: string): number => html.split(/[<>]/).length;
  const linesOf = (text: string): number => text.split(/[\r\n]/).length;
  fc.assert(
    fc.property(hostile, hostile, (title, value) => {
      const { subject, text, html } = renderMessage(message(title, value), OPTIONS);
      expect(subject).not.toMatch(/[\x00-\x1f]/);
      expect(linesOf(text)).toBe(linesOf(plain.text));
      expect(tagsOf(html)).toBe(tagsOf(plain.html));
    }),
  );
});
