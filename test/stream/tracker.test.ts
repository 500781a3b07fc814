import { describe, expect, test } from 'vitest';
import { TIMEOUT_CLASS } from '../../src/flow/timeouts.ts';
import { TCP_STATE } from '../../src/stream/session.ts';
import { Conversation, setSegment, TO_CLIENT, TO_SERVER, timestamps, WINDOW_SCALE_7 } from './conversation.ts';

describe('established', () => {
  test('a SYN resets nothing', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'one ' });
    expect(talk.fromClient({ flags: 'S' })).toBe('inspected');
    expect(talk.events).toEqual(['stream.est_syn_resend']);
    expect(talk.fromClient({ flags: 'S', seq: 777_000 })).toBe('inspected');
    expect(talk.events).toEqual(['stream.est_syn_resend_diff_seq']);
    expect(talk.fromClient({ flags: 'S', seq: 777_000, data: 'decoy' })).toBe('invalid');
    expect(talk.fromServer({ flags: 'S', seq: 5 })).toBe('invalid');
    expect(talk.events).toEqual(['stream.est_syn_toclient']);
    expect(talk.fromClient({ flags: 'SA', seq: 5, ack: 1 })).toBe('invalid');
    expect(talk.events).toEqual(['stream.est_synack_toserver']);
    talk.fromClient({ flags: 'PA', seq: 5, ack: 1, data: 'two' });
    expect(talk.received[TO_SERVER]).toBe('one two');
    expect(talk.endReasons).toEqual([]);
  });

  test('a SYN that the server answers has begun a new connection', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'old' });
    const oldId = talk.flows.flowId(talk.slot);
    talk.fromClient({ flags: 'S', seq: 777_000 });
    expect(talk.endReasons).toEqual([]);
    expect(talk.fromServer({ flags: 'SA', seq: 50_000, ack: 777_001 })).toBe('inspected');
    expect(talk.endReasons).toEqual(['reused']);
    expect(talk.flows.flowId(talk.slot)).not.toBe(oldId);
    expect(talk.isEstablished).toBe(false);
    talk.fromClient({ flags: 'PA', seq: 777_001, ack: 50_001, data: 'new' });
    expect(talk.isEstablished).toBe(true);
    expect(talk.takeLog()).toBe('>old >. <. >new');
  });

  test.each([
    ['what was never sent', 1000, ['stream.est_invalid_ack', 'stream.pkt_invalid_ack']],
    ['what is before the first byte', 0, ['stream.est_invalid_ack', 'stream.pkt_invalid_ack']],
    ['what is far in the past', -200_000, ['stream.est_invalid_ack', 'stream.pkt_invalid_ack']],
    ['what is half the sequence space away', 2 ** 31, ['stream.est_invalid_ack', 'stream.pkt_invalid_ack']],
  ])('data that acknowledges %s is refused', (_, ack, events) => {
    const talk = new Conversation().handshake();
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack, data: 'decoy' })).toBe('invalid');
    expect(talk.events).toEqual(events);
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'true' });
    expect(talk.takeLog()).toBe('>true');
  });

  test('an acknowledgement number without ACK is told of and means nothing', () => {
    const talk = new Conversation();
    setSegment(talk.packet, talk.client, talk.server, { flags: 'S' });
    talk.packet.acknowledgement = 77;
    talk.flows.lookup(talk.packet);
    expect(talk.tracker.packet(talk.packet)).toBe('inspected');
    expect(talk.events).toEqual(['stream.pkt_broken_ack']);
  });

  test('an ACK that was overtaken is told of; a keep-alive is ordinary', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abcdef' });
    talk.fromServer({ seq: 1, ack: 7 });
    expect(talk.fromClient({ seq: 3, ack: 1 })).toBe('inspected');
    expect(talk.events).toEqual(['stream.est_pkt_before_last_ack']);
    talk.fromClient({ seq: 6, ack: 1 });
    expect(talk.events).toEqual([]);
  });

  test('data without ACK is refused, as receivers do', () => {
    const talk = new Conversation().handshake();
    expect(talk.fromClient({ flags: 'P', seq: 1, data: 'decoy' })).toBe('invalid');
    expect(talk.events).toEqual(['tcp.missing_ack']);
  });

  test.each([200_000, 2 ** 31 - 1, 2 ** 31, -200_000])('data %i bytes off is far out of the window', (seq) => {
    const talk = new Conversation().handshake();
    expect(talk.fromClient({ flags: 'PA', seq, ack: 1, data: 'far' })).toBe('invalid');
    expect(talk.events).toEqual(['stream.est_packet_out_of_window']);
    expect(talk.tracker.keptBytes).toBe(0);
  });

  test('windows are scaled where both sides agreed on it, and not otherwise', () => {
    const scaled = new Conversation().handshake(WINDOW_SCALE_7);
    scaled.fromServer({ seq: 1, ack: 1, window: 8000 });
    expect(scaled.fromClient({ flags: 'A', seq: 900_000, ack: 1, data: 'in the window' })).toBe('kept');
    const plain = new Conversation();
    plain.fromClient({ flags: 'S', options: WINDOW_SCALE_7 });
    plain.fromServer({ flags: 'SA', ack: 1 });
    plain.fromClient({ seq: 1, ack: 1 });
    plain.fromServer({ seq: 1, ack: 1, window: 8000 });
    expect(plain.fromClient({ flags: 'A', seq: 900_000, ack: 1, data: 'beyond it' })).toBe('invalid');
  });

  test('keep-alive and zero-window probes deliver nothing and are no event', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abc' });
    talk.fromServer({ seq: 1, ack: 4, window: 0 });
    expect(talk.fromClient({ seq: 3, ack: 1 })).toBe('inspected');
    expect(talk.fromClient({ seq: 3, ack: 1, data: '\0' })).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.fromServer({ seq: 1, ack: 4, window: 0 })).toBe('inspected');
    // A probe with one new byte beyond the closed window.
    expect(talk.fromClient({ seq: 4, ack: 1, data: 'd' })).toBe('inspected');
    expect(talk.takeLog()).toBe('>abc >d');
  });

  test('a shrinking window is no reason to refuse what was sent before', () => {
    const talk = new Conversation().handshake();
    talk.fromServer({ seq: 1, ack: 1, window: 10 });
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'x'.repeat(1000) })).toBe('inspected');
  });

  test('a timestamp older than the last is refused with its data; the wrap is not older', () => {
    const talk = new Conversation().handshake(timestamps(0xffff_fff0));
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'a', options: timestamps(0xffff_fff8) })).toBe('inspected');
    expect(talk.fromServer({ seq: 1, ack: 2, options: timestamps(0xffff_fff8) })).toBe('inspected');
    expect(talk.fromClient({ seq: 2, ack: 1, data: 'DECOY', options: timestamps(0xffff_ff00) })).toBe('invalid');
    expect(talk.events).toEqual(['stream.pkt_invalid_timestamp']);
    expect(talk.fromClient({ seq: 2, ack: 1, data: 'b', options: timestamps(5) })).toBe('inspected');
    expect(talk.received[TO_SERVER]).toBe('ab');
    talk.fromServer({ seq: 1, ack: 3, options: timestamps(6) });
    expect(talk.fromClient({ seq: 3, ack: 1, options: timestamps(0xffff_fff8) })).toBe('inspected');
    expect(talk.events).toEqual([]);
  });

  test('a segment that was overtaken keeps its older timestamp without harm', () => {
    const talk = new Conversation().handshake(timestamps(100));
    expect(talk.fromClient({ seq: 2, ack: 1, data: 'b', options: timestamps(110) })).toBe('kept');
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'a', options: timestamps(105) })).toBe('inspected');
    expect(talk.received[TO_SERVER]).toBe('ab');
  });
});

describe('the end', () => {
  test('FIN both ways: half-close, last bytes, closed', () => {
    const talk = new Conversation().handshake();
    expect(talk.fromClient({ flags: 'FA', seq: 1, ack: 1, data: 'bye' })).toBe('inspected');
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closeWait);
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpClosing);
    talk.fromServer({ seq: 1, ack: 5 });
    expect(talk.fromServer({ flags: 'PA', seq: 1, ack: 5, data: 'still here' })).toBe('inspected');
    talk.fromServer({ flags: 'FA', seq: 11, ack: 5 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.lastAck);
    talk.fromClient({ seq: 5, ack: 12 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closed);
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpClosed);
    expect(talk.isEstablished).toBe(true);
    expect(talk.takeLog()).toBe('>bye >. <still here <.');
    talk.flows.release(talk.slot);
    expect(talk.ended).toEqual([1, 1]);
    expect(talk.tracker.sessionCount).toBe(0);
  });

  test('the server closes first: FIN_WAIT1, FIN_WAIT2, TIME_WAIT', () => {
    const talk = new Conversation().handshake();
    talk.fromServer({ flags: 'FA', seq: 1, ack: 1 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.finWait1);
    talk.fromClient({ seq: 1, ack: 2 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.finWait2);
    talk.fromClient({ flags: 'FA', seq: 1, ack: 2 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.timeWait);
    expect(talk.fromServer({ seq: 2, ack: 2 })).toBe('inspected');
    expect(talk.fromClient({ flags: 'FA', seq: 1, ack: 2 })).toBe('inspected');
    expect(talk.ended).toEqual([1, 1]);
  });

  test('both at once: CLOSING', () => {
    const talk = new Conversation().handshake();
    talk.fromServer({ flags: 'FA', seq: 1, ack: 1 });
    talk.fromClient({ flags: 'FA', seq: 1, ack: 1 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closing);
    talk.fromServer({ seq: 2, ack: 2 });
    talk.fromClient({ seq: 2, ack: 2 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.timeWait);
  });

  test('a FIN that is out of order ends the stream when the hole is filled', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'FA', seq: 4, ack: 1, data: 'def' });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.established);
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abc' });
    expect(talk.takeLog()).toBe('>abc >def >.');
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closeWait);
  });

  test('data behind a FIN is refused, and a FIN before data', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'FA', seq: 1, ack: 1 });
    expect(talk.fromClient({ flags: 'PA', seq: 2, ack: 1, data: 'late' })).toBe('invalid');
    expect(talk.events).toEqual(['tcp.data_after_fin']);
    const other = new Conversation().handshake();
    other.fromClient({ flags: 'PA', seq: 4, ack: 1, data: 'def' });
    expect(other.fromClient({ flags: 'FA', seq: 1, ack: 1 })).toBe('invalid');
    expect(other.events).toEqual(['stream.fin_out_of_window']);
    expect(other.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abc' })).toBe('inspected');
    expect(other.received[TO_SERVER]).toBe('abcdef');
  });

  test('a RST with the exact sequence number closes, and what was under way is ordinary', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abc' });
    talk.fromServer({ flags: 'PA', seq: 1, ack: 4, data: '1, 2' });
    talk.fromClient({ flags: 'A', seq: 10, ack: 5, data: 'kept' });
    expect(talk.fromClient({ flags: 'R', seq: 4 })).toBe('inspected');
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closed);
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpClosed);
    expect(talk.tracker.keptBytes).toBe(0);
    expect(talk.takeLog()).toBe('>abc <1, 2 >.');
    // The server hears of it later. What it still sends is inspected, whoever may read it.
    expect(talk.fromServer({ flags: 'PA', seq: 5, ack: 4, data: 'two' })).toBe('inspected');
    expect(talk.fromServer({ flags: 'FA', seq: 8, ack: 4 })).toBe('inspected');
    expect(talk.fromClient({ flags: 'R', seq: 4 })).toBe('inspected');
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abc' })).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.takeLog()).toBe('<two <.');
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closed);
  });

  test('who has reset the connection cannot go on', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'R', seq: 1 });
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'more' })).toBe('closed');
    expect(talk.events).toEqual(['stream.suspected_rst_inject']);
    expect(talk.takeLog()).toBe('>.');
  });

  test('a RST behind data that is not acknowledged ends nothing, since its receiver may lack that data', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abc' });
    expect(talk.fromClient({ flags: 'R', seq: 4 })).toBe('inspected');
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpClosing);
    expect(talk.events).toEqual([]);
    expect(talk.fromClient({ flags: 'PA', seq: 4, ack: 1, data: 'def' })).toBe('inspected');
    expect(talk.events).toEqual(['stream.suspected_rst_inject']);
    expect(talk.takeLog()).toBe('>abc >def');
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpEstablished);
  });

  test('a RST with data is one all the same', () => {
    const talk = new Conversation().handshake();
    expect(talk.fromServer({ flags: 'RA', seq: 1, ack: 1, data: 'reason' })).toBe('inspected');
    expect(talk.events).toEqual(['stream.rst_with_data']);
    expect(talk.takeLog()).toBe('<.');
  });

  test.each([5, 1000, 2 ** 31, -200_000])('a RST at %i, where 4 is expected, closes nothing', (seq) => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abc' });
    expect(talk.fromClient({ flags: 'R', seq })).toBe('invalid');
    expect(talk.events).toEqual(['tcp.rst_wrong_seq']);
    expect(talk.fromClient({ flags: 'PA', seq: 4, ack: 1, data: 'def' })).toBe('inspected');
    expect(talk.received[TO_SERVER]).toBe('abcdef');
  });

  test.each([3, 1, -5])('a RST at %i, where 4 is expected, was overtaken: it passes and closes nothing', (seq) => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abc' });
    expect(talk.fromClient({ flags: 'R', seq })).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.established);
    expect(talk.fromClient({ flags: 'PA', seq: 4, ack: 1, data: 'def' })).toBe('inspected');
    expect(talk.received[TO_SERVER]).toBe('abcdef');
  });

  test('a signature where the handshake had none is discarded, and so is a reset with one', () => {
    const talk = new Conversation().handshake();
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'bait', isSigned: true })).toBe('invalid');
    expect(talk.events).toEqual(['tcp.unexpected_signature']);
    expect(talk.fromClient({ flags: 'R', seq: 1, isSigned: true })).toBe('invalid');
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'real' })).toBe('inspected');
    expect(talk.takeLog()).toBe('>real');
  });

  test.each([
    ['a gateway', [2, 3]],
    ['the host of the server', [2, 0]],
    ['the host of the client', [0, 3]],
  ])('at %s, nobody is believed to be where the other side is', (_, [client = 0, server = 0]) => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S', inInterface: client });
    talk.fromServer({ flags: 'SA', ack: 1, inInterface: server });
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'bait', inInterface: client });
    if (client !== 0) {
      expect(talk.fromServer({ flags: 'A', seq: 1, ack: 5, inInterface: client })).toBe('invalid');
      expect(talk.events).toEqual(['tcp.wrong_interface']);
      expect(talk.fromServer({ flags: 'RA', seq: 1, ack: 5, inInterface: client })).toBe('invalid');
      expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'real', inInterface: client })).toBe('differs');
    }
    if (server !== 0) expect(talk.fromClient({ flags: 'A', seq: 5, ack: 1, inInterface: server })).toBe('invalid');
    // Another way than before, and not the other side's.
    expect(talk.fromServer({ flags: 'PA', seq: 1, ack: 5, data: 'answer', inInterface: 7 })).toBe('inspected');
    expect(talk.fromClient({ flags: 'PA', seq: 5, ack: 7, data: 'more', inInterface: 8 })).toBe('inspected');
    expect(talk.takeLog()).toBe('>bait <answer >more');
  });

  test('where both sides are behind one interface, or packets come from this host, nothing is said', () => {
    for (const [client, server, forged] of [
      [2, 2, 2],
      [0, 3, 0],
      [1, 1, 1],
    ]) {
      const talk = new Conversation();
      talk.fromClient({ flags: 'S', inInterface: client! });
      talk.fromServer({ flags: 'SA', ack: 1, inInterface: server! });
      talk.fromClient({ flags: 'A', seq: 1, ack: 1, inInterface: client! });
      talk.fromServer({ flags: 'A', seq: 1, ack: 1, inInterface: forged! });
      expect(talk.events).toEqual([]);
    }
    const pickedUp = new Conversation({ midstreamUntilMs: Number.POSITIVE_INFINITY });
    pickedUp.fromServer({ flags: 'SA', ack: 1, inInterface: 2 });
    pickedUp.fromClient({ flags: 'A', seq: 1, ack: 1, inInterface: 2 });
    expect(pickedUp.events).toEqual([]);
  });

  test('where the server signs, only what is signed counts, whatever the SYN was', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    talk.fromClient({ flags: 'S', isSigned: true });
    talk.fromServer({ flags: 'SA', ack: 1, isSigned: true });
    talk.fromClient({ flags: 'A', seq: 1, ack: 1, isSigned: true });
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'bait' })).toBe('invalid');
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'real', isSigned: true })).toBe('inspected');
    expect(talk.takeLog()).toBe('>real');
  });

  test('where packets may be missed, a RST closes where the receiver is: not before the bytes that it has got', () => {
    const talk = new Conversation({ mayMissPackets: true }).handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'abc' });
    talk.fromClient({ flags: 'R', seq: 1 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.established);
    expect(talk.fromClient({ flags: 'PA', seq: 4, ack: 1, data: 'def' })).toBe('inspected');
    talk.fromServer({ flags: 'A', seq: 1, ack: 20 });
    talk.fromClient({ flags: 'R', seq: 20 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closed);
  });

  test('a closed socket answers data that crossed its FIN', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'FA', seq: 1, ack: 1 });
    talk.fromServer({ flags: 'PA', seq: 1, ack: 1, data: 'too late' });
    expect(talk.fromClient({ flags: 'R', seq: 1 })).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.fromClient({ flags: 'R', seq: 2 })).toBe('inspected');
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closed);
  });

  test('a RST with a bad acknowledgement closes nothing', () => {
    const talk = new Conversation().handshake();
    expect(talk.fromClient({ flags: 'RA', seq: 1, ack: 500 })).toBe('invalid');
    expect(talk.events).toEqual(['stream.rst_invalid_ack']);
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.established);
  });

  test('a refused SYN: the RST must acknowledge it', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    expect(talk.fromServer({ flags: 'R', seq: -7000 })).toBe('invalid');
    expect(talk.fromServer({ flags: 'RA', seq: -7000, ack: 2 })).toBe('invalid');
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.synSent);
    expect(talk.fromServer({ flags: 'RA', seq: -7000, ack: 1 })).toBe('inspected');
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closed);
  });

  test.each(['reset', 'closed'])('a SYN on a connection that is %s starts over', (how) => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'old' });
    if (how === 'reset') {
      talk.fromServer({ seq: 1, ack: 4 });
      talk.fromClient({ flags: 'R', seq: 4 });
    } else {
      talk.fromClient({ flags: 'FA', seq: 4, ack: 1 });
      talk.fromServer({ flags: 'FA', seq: 1, ack: 5 });
      talk.fromClient({ seq: 5, ack: 2 });
    }
    talk.client.isn = 3_000_000_000;
    talk.handshake();
    talk.takeLog();
    expect(talk.endReasons).toEqual(['reused']);
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'new' });
    expect(talk.takeLog()).toBe('>new');
    expect(talk.flows.packets[talk.slot * 2]).toBe(3);
    expect(talk.flows.packets[talk.slot * 2 + 1]).toBe(1);
    expect(talk.flows.size).toBe(1);
  });

  test('a SYN from the other side starts over with the sides changed', () => {
    const talk = new Conversation().handshake();
    talk.fromClient({ flags: 'R', seq: 1 });
    talk.fromServer({ flags: 'S', seq: 10_000 });
    expect(talk.flows.clientPort(talk.slot)).toBe(80);
    expect(talk.packet.direction).toBe(TO_SERVER);
    talk.fromClient({ flags: 'SA', seq: 0, ack: 10_001 });
    expect(talk.packet.direction).toBe(TO_CLIENT);
    talk.fromServer({ seq: 10_001, ack: 1 });
    expect(talk.isEstablished).toBe(true);
  });
});

describe('one-sided connections', () => {
  const isOneSided = { isOneSided: true };

  test('of the client: its data is followed behind its SYN', () => {
    const talk = new Conversation(isOneSided);
    talk.fromClient({ flags: 'S' });
    expect(talk.fromClient({ seq: 1, ack: 1 })).toBe('inspected');
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'request' })).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.isEstablished).toBe(true);
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 900, data: 'reQuest' })).toBe('differs');
    expect(talk.fromClient({ flags: 'FA', seq: 8, ack: 100_000 })).toBe('inspected');
    expect(talk.takeLog()).toBe('>request >.');
  });

  test('of the server: its data is followed behind its SYN-ACK', () => {
    const talk = new Conversation(isOneSided);
    expect(talk.fromServer({ flags: 'SA', ack: 1 })).toBe('inspected');
    expect(talk.fromServer({ flags: 'PA', seq: 1, ack: 80, data: 'answer' })).toBe('inspected');
    expect(talk.isEstablished).toBe(true);
    expect(talk.takeLog()).toBe('<answer');
  });

  test('the answer may come after all', () => {
    const talk = new Conversation(isOneSided);
    talk.fromClient({ flags: 'S' });
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'request' });
    expect(talk.fromServer({ flags: 'SA', ack: 1 })).toBe('inspected');
    expect(talk.fromServer({ flags: 'PA', seq: 1, ack: 8, data: 'answer' })).toBe('inspected');
    expect(talk.takeLog()).toBe('>request <answer');
    expect(talk.tracker.keptBytes).toBeGreaterThan(0);
  });

  test('data without an acknowledgement opens nothing', () => {
    const talk = new Conversation(isOneSided);
    talk.fromClient({ flags: 'S' });
    expect(talk.fromClient({ flags: 'P', seq: 1, data: 'decoy' })).toBe('invalid');
    expect(talk.events).toEqual(['tcp.ack_before_synack']);
  });

  test('what could not be kept for comparison passes again', () => {
    const talk = new Conversation({ ...isOneSided, maxTotalBytes: 100 });
    talk.fromClient({ flags: 'S' });
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'request' });
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'request' })).toBe('inspected');
    expect(talk.events).toEqual(['stream.pkt_retransmission']);
  });
});

describe('mid-stream', () => {
  test('without permission a flow without handshake is not tracked', () => {
    const talk = new Conversation();
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'x' })).toBe('not-tracked');
    expect(talk.fromClient({ flags: 'FA', seq: 2, ack: 1 })).toBe('stray-end');
    expect(talk.events).toEqual(['stream.fin_but_no_session']);
    expect(talk.fromServer({ flags: 'R', seq: 2 })).toBe('stray-end');
    expect(talk.events).toEqual(['stream.rst_but_no_session']);
    expect(talk.fromServer({ flags: 'SA', seq: 2, ack: 1 })).toBe('not-tracked');
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpUntracked);
    expect(talk.tracker.sessionCount).toBe(0);
    expect(talk.log).toEqual([]);
  });

  test('a handshake after all is tracked, and who sends the SYN is the client', () => {
    const talk = new Conversation();
    talk.fromServer({ flags: 'PA', seq: 1, ack: 1, data: 'x' });
    talk.handshake();
    expect(talk.flows.clientPort(talk.slot)).toBe(40_000);
    expect(talk.flows.serverPort(talk.slot)).toBe(80);
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'x' });
    expect(talk.takeLog()).toBe('>x');
  });

  test('until its time, from the first segment on, whoever sends it', () => {
    const talk = new Conversation({ midstreamUntilMs: 2000 });
    expect(talk.fromServer({ flags: 'PA', seq: 500, ack: 90, data: 'answer', timeMs: 1999 })).toBe('inspected');
    expect(talk.packet.direction).toBe(TO_CLIENT);
    expect(talk.isEstablished).toBe(true);
    expect(talk.tracker.isMidstream(talk.slot)).toBe(true);
    // Bytes from 90 to 99 were on their way before.
    expect(talk.fromClient({ flags: 'PA', seq: 100, ack: 506, data: 'request', timeMs: 3000 })).toBe('inspected');
    expect(talk.takeLog()).toBe('<answer >request');
    expect(talk.fromServer({ flags: 'R', seq: 506 })).toBe('inspected');
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closed);
    const late = new Conversation({ midstreamUntilMs: 2000 });
    expect(late.fromServer({ flags: 'PA', seq: 500, ack: 90, data: 'answer', timeMs: 2000 })).toBe('not-tracked');
  });

  test('counts as a connection once both sides have spoken', () => {
    const talk = new Conversation({ midstreamUntilMs: 2000 });
    talk.fromClient({ flags: 'PA', seq: 500, ack: 90, data: 'request' });
    talk.fromClient({ flags: 'PA', seq: 507, ack: 90, data: ', more' });
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpUntracked);
    talk.fromServer({ seq: 90, ack: 513 });
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpEstablished);
  });

  test('a FIN with data is picked up, one without is not', () => {
    const talk = new Conversation({ midstreamUntilMs: 2000 });
    expect(talk.fromClient({ flags: 'FA', seq: 500, ack: 90 })).toBe('stray-end');
    expect(talk.fromClient({ flags: 'FA', seq: 490, ack: 90, data: 'last words' })).toBe('inspected');
    talk.fromServer({ seq: 90, ack: 501 });
    expect(talk.takeLog()).toBe('>last words >.');
  });

  test('with a SYN-ACK, which is from the server whatever the ports', () => {
    const talk = new Conversation({ midstreamUntilMs: 2000 });
    talk.server.port = 50_000;
    talk.fromServer({ flags: 'SA', ack: 1 });
    expect(talk.flows.serverPort(talk.slot)).toBe(50_000);
    expect(talk.isEstablished).toBe(false);
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'hello' });
    expect(talk.isEstablished).toBe(true);
    expect(talk.takeLog()).toBe('>hello');
  });
});
