import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHttp } from '../../src/app/http/http.ts';
import { HttpTransaction } from '../../src/app/http/transaction.ts';
import { type AppSink, STAGE, type Transaction } from '../../src/app/protocol.ts';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { SEED } from '../support/fuzz.ts';
import { httpCases, type Step, step } from './http-pages.ts';
import { channel } from './support.ts';

const protocol = createHttp();
const ofHead = protocol.buffers.filter(({ isOfHead }) => isOfHead === true);

/** Of each head that is readable as it was sent, the lines of its buffers that are not in it. */
function strayLines(steps: readonly Step[]): { readonly heads: number; readonly stray: string[] } {
  let heads = 0;
  const stray: string[] = [];
  const sink: AppSink = {
    onProgress(tx: Transaction, direction: Direction, stage) {
      if (stage !== STAGE.head || !(tx instanceof HttpTransaction)) return;
      const head = protocol.readHead!(tx, direction);
      if (head === null) return;
      heads++;
      const text = latin1(head);
      for (const buffer of ofHead) {
        for (let nth = 0; ; nth++) {
          const bytes = buffer.read(tx, direction, nth);
          if (bytes === null) break;
          for (const line of latin1(bytes).split(/[\r\n]/))
            if (!text.includes(line)) stray.push(`${buffer.name}: ${line}`);
        }
      }
    },
    onEvent() {},
  };
  const parser = protocol.open(sink, channel());
  for (const { direction, bytes } of steps) parser.consume(direction, bytes, 0, bytes.length);
  return { heads, stray };
}

test('buffers of a head have no other lines than it has, on every page', () => {
  let heads = 0;
  for (const { name, steps } of httpCases()) {
    const found = strayLines(steps);
    expect([name, found.stray]).toEqual([name, []]);
    heads += found.heads;
  }
  expect(heads).toBeGreaterThan(20);
});

test('nor in any mixture of fields', () => {
  const name = fc.constantFrom('Host', 'Cookie', 'cookie', 'Set-Cookie', 'Accept', 'X', 'User-Agent', 'Server');
  const value = fc.constantFrom('A.b', 'c d', '');
  const odd = fc.tuple(name, fc.constantFrom(':', ' : ', ':  '), value, fc.constantFrom('\n', '\r\n ', '\r', ' \r\n'));
  const ordinary = fc.tuple(name, fc.constant(': '), value, fc.constant('\r\n'));
  const field = fc.oneof({ weight: 9, arbitrary: ordinary }, { weight: 1, arbitrary: odd });
  const first = fc.constantFrom('GET /a%41//b?c HTTP/1.1\r\n', 'GET http://H.x/ HTTP/1.0\r\n', 'HTTP/1.1 200 OK\r\n');
  let heads = 0;
  fc.assert(
    fc.property(first, fc.array(field, { maxLength: 5 }), (line, fields) => {
      const text = fromLatin1(`${line}${fields.flat().join('')}\r\n`);
      const isAnswer = line.startsWith('HTTP');
      const request = step(TO_SERVER, fromLatin1('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
      const found = strayLines(isAnswer ? [request, step(TO_CLIENT, text)] : [step(TO_SERVER, text)]);
      expect(found.stray).toEqual([]);
      heads += found.heads;
    }),
    SEED,
  );
  expect(heads).toBeGreaterThan(20);
});
