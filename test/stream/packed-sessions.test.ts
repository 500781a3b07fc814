import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PackedSessions } from '../../src/stream/packed-sessions.ts';
import { TcpHalf, TcpSession } from '../../src/stream/session.ts';

/** What one that can be packed has in them as when it is new. */
const EMPTY: readonly string[] = [
  'direction',
  'others',
  'hasUrgent',
  'urgent',
  'urgentMs',
  'queue',
  'delivered',
  'synDataBytes',
];
const SESSION_EMPTY: readonly string[] = ['flow', 'resetDirection', 'doubtfulResetDirection', 'toServer', 'toClient'];

/** Any values for all the rest, so that a field that somebody adds cannot be forgotten. */
function anyValues(of: object, empty: readonly string[]): fc.Arbitrary<Record<string, number | boolean>> {
  const names = Object.entries(of).filter(([name]) => !empty.includes(name));
  const values = names.map(([name, value]): [string, fc.Arbitrary<number | boolean>] => {
    if (typeof value === 'boolean') return [name, fc.boolean()];
    if (name === 'state') return [name, fc.nat(10)];
    return [name, name === 'offset' ? fc.maxSafeNat() : fc.integer()];
  });
  return fc.record(Object.fromEntries(values));
}

const half = anyValues(new TcpHalf(0), EMPTY);

test('all of a session comes back', () => {
  fc.assert(
    fc.property(
      anyValues(new TcpSession(), SESSION_EMPTY),
      half,
      half,
      fc.nat(5000),
      (values, toServer, toClient, flow) => {
        const packed = new PackedSessions();
        const session = new TcpSession();
        session.reset(flow);
        Object.assign(session, values);
        Object.assign(session.toServer, toServer);
        Object.assign(session.toClient, toClient);
        expect(packed.pack(session)).toBe(true);
        const back = new TcpSession();
        back.reset(flow);
        packed.unpack(flow, back);
        expect(back).toEqual(session);
        expect(packed.has(flow)).toBe(false);
      },
    ),
  );
});

test('one that keeps bytes, or stands in a doubtful place, stays', () => {
  const packed = new PackedSessions();
  for (const half of [{ hasUrgent: true }, { others: [] }]) {
    const session = new TcpSession();
    Object.assign(session.toClient, half);
    expect(packed.pack(session)).toBe(false);
  }
  const reset = new TcpSession();
  reset.resetDirection = 1;
  expect(packed.pack(reset)).toBe(false);
  expect(packed.has(0)).toBe(false);
});
