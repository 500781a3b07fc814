import { describe, expect, test } from 'vitest';
import type { StreamOutcome } from '../../src/stream/outcome.ts';
import { TCP_STATE } from '../../src/stream/session.ts';
import { checkNamed } from '../../src/verdict/checks.ts';
import { outcomeOf } from '../../src/verdict/outcome.ts';
import { Conversation, TO_CLIENT, TO_SERVER } from './conversation.ts';
import { DATA_EVASIONS } from './data-evasions.ts';
import { data, SYN, SYN_ACK } from './evasion.ts';
import { HANDSHAKE_EVASIONS } from './handshake-evasions.ts';

describe.each(Object.entries({ ...DATA_EVASIONS, ...HANDSHAKE_EVASIONS }))('%s', (_, evasions) => {
  test.each(evasions.map((evasion) => [evasion.name, evasion] as const))('%s', (_name, evasion) => {
    const talk = new Conversation(evasion.tracker ?? {}, { isn: evasion.isn ?? 1000 });
    if (evasion.handshake !== false) talk.handshake(evasion.handshake ?? []);
    for (const [index, [from, segment, expected, ...events]] of evasion.steps.entries()) {
      const outcome = from === 'client' ? talk.fromClient(segment) : talk.fromServer(segment);
      expect([verdictOf(talk, outcome), ...talk.events], `step ${index + 1}: ${outcome}`).toEqual([
        expected,
        ...events,
      ]);
    }
    if (evasion.toServer !== undefined) expect(talk.received[TO_SERVER]).toBe(evasion.toServer);
    if (evasion.toClient !== undefined) expect(talk.received[TO_CLIENT]).toBe(evasion.toClient);
  });
});

/** In prevent mode, with limits closed and checks as they are by default. */
function verdictOf(talk: Conversation, outcome: StreamOutcome): 'pass' | 'drop' {
  const fails = talk.events.some((event) => checkNamed(event)!.byDefault === 'drop');
  return fails || outcomeOf(outcome, talk.packet) !== 'inspected' ? 'drop' : 'pass';
}

test.each([
  ['TIME-WAIT', ['FA', 'FA']],
  ['a RST', ['R']],
])('the same ports after %s are a new stream', (_, ends) => {
  const talk = new Conversation().handshake();
  talk.fromClient(data(1, 'old'));
  talk.fromServer({ flags: ends[1] ?? 'A', seq: 1, ack: 4 });
  talk.fromClient({ flags: ends[0]!, seq: 4, ack: ends.length });
  if (ends.length > 1) talk.fromServer({ seq: 2, ack: 5 });
  expect([TCP_STATE.timeWait, TCP_STATE.closed]).toContain(talk.tracker.state(talk.slot));
  talk.client.isn = 0x8000_0000;
  talk.handshake();
  expect(talk.endReasons).toEqual(['reused']);
  talk.fromClient(data(1, 'new'));
  expect(talk.received[TO_SERVER]).toBe('new');
});

test('a true SYN behind a flood of forged ones is the one that counts when it is answered', () => {
  const talk = new Conversation();
  for (let i = 0; i <= 30; i++) talk.fromClient({ flags: 'S', seq: (i + 1) * 10_000 });
  talk.fromClient(SYN);
  talk.fromClient({ flags: 'S', seq: 5_000_000 });
  talk.fromServer(SYN_ACK);
  talk.fromClient({ seq: 1, ack: 1 });
  talk.fromClient(data(1, 'true'));
  expect(talk.received[TO_SERVER]).toBe('true');
});

test('floods of contradicting SYNs and SYN-ACKs are bounded, and the first ones still count', () => {
  const talk = new Conversation();
  talk.fromClient(SYN);
  for (let i = 1; i <= 10; i++) talk.fromClient({ flags: 'S', seq: i * 10_000 });
  expect(talk.events).toEqual(['tcp.syn_resend_diff_seq']);
  talk.fromClient({ flags: 'S', seq: 200_000 });
  expect(talk.events).toEqual(['tcp.syn_resend_diff_seq', 'stream.3whs_syn_flood']);
  talk.fromServer(SYN_ACK);
  for (let i = 1; i <= 6; i++) talk.fromServer({ ...SYN_ACK, seq: i * 10_000 });
  expect(talk.events).toEqual(['stream.3whs_synack_resend_with_diff_seq', 'stream.3whs_synack_flood']);
  talk.fromClient(data(1, 'still'));
  expect(talk.received[TO_SERVER]).toBe('still');
});
