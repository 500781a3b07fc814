import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OpenQueries } from '../../src/app/dns/open-queries.ts';
import { DnsTransaction } from '../../src/app/dns/transaction.ts';

const query = (id: number, messageId: number): DnsTransaction => {
  const tx = new DnsTransaction(id);
  tx.messageId = messageId;
  return tx;
};

test('they are found by their message, and told oldest first, as by a map', () => {
  const step = fc.record({ answers: fc.boolean(), messageId: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const open = new OpenQueries();
      const model = new Map<number, DnsTransaction>();
      for (const [n, { answers, messageId }] of steps.entries()) {
        const known = model.get(messageId);
        expect(open.find(messageId)).toBe(known ?? null);
        if (known !== undefined) open.delete(known);
        model.delete(messageId);
        if (!answers) {
          const tx = query(n, messageId);
          open.add(tx);
          model.set(messageId, tx);
        }
        expect([...open]).toEqual([...model.values()]);
        expect(open.oldest).toBe(model.values().next().value ?? null);
        expect(open.size).toBe(model.size);
      }
      open.clear();
      expect([...open]).toEqual([]);
      expect(open.size).toBe(0);
    }),
  );
});

test('one that is not there leaves the others', () => {
  const open = new OpenQueries();
  const [first, second] = [query(0, 1), query(1, 2)];
  open.add(first);
  open.add(second);
  open.delete(first);
  open.delete(first);
  expect([...open]).toEqual([second]);
});
