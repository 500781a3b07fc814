import { expect, test } from 'vitest';
import type { Transaction } from '../../src/app/protocol.ts';
import { StatefulMatches } from '../../src/detect/stateful-matches.ts';
import { compileText } from '../rules/support.ts';
import { growthOf, LINEAR } from '../support/growth.ts';

const rule = compileText('alert http any any -> any any (http.uri; content:"a"; sid:1;)').rules[0]!;
const transaction = (id: number) => ({ id }) as Transaction;

test.each([3, 40])(
  '%i come as Suricata meets them: without transaction first, then by transaction and rule',
  (count) => {
    const matches = new StatefulMatches();
    for (let i = count; i > 0; i--) {
      matches.add(rule, i % 2, transaction(i >> 1), null, false);
      matches.add(rule, i, null, null, false);
    }
    matches.sort();
    const places = matches.entries
      .slice(0, matches.count)
      .map(({ transaction, order }) => [transaction?.id ?? -1, order]);
    expect(places).toEqual(places.toSorted(([a, b], [c, d]) => a! - c! || b! - d!));
    expect(matches.count).toBe(count * 2);
  },
);

test('takes time that grows with their number where the last transaction ends first', async () => {
  const matches = new StatefulMatches();
  const growth = await growthOf((scale) => {
    const transactions = Array.from({ length: 1000 * scale }, (_, i) => transaction(1000 * scale - i));
    return () => {
      matches.clear();
      for (const one of transactions) matches.add(rule, 0, one, null, false);
      matches.sort();
    };
  });
  expect(growth).toBeLessThan(LINEAR);
});
