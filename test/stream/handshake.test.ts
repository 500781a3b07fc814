import { describe, expect, test } from 'vitest';
import { TIMEOUT_CLASS } from '../../src/flow/timeouts.ts';
import { TCP_STATE } from '../../src/stream/session.ts';
import { Conversation, FAST_OPEN_COOKIE, TO_CLIENT, TO_SERVER, timestamps } from './conversation.ts';

describe('handshake', () => {
  test('is complete with the client’s last ACK, not before', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.synSent);
    talk.fromServer({ flags: 'SA', ack: 1 });
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.synReceived);
    expect(talk.isEstablished).toBe(false);
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpNew);
    talk.fromClient({ seq: 1, ack: 1 });
    expect(talk.isEstablished).toBe(true);
    expect(talk.flows.timeoutClass(talk.slot)).toBe(TIMEOUT_CLASS.tcpEstablished);
    expect(talk.events).toEqual([]);
  });

  test('data may come with the ACK that completes it', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    talk.fromServer({ flags: 'SA', ack: 1 });
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'hello' })).toBe('inspected');
    expect(talk.isEstablished).toBe(true);
    expect(talk.takeLog()).toBe('>hello');
  });

  test('repeated SYN and SYN-ACK change nothing', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    talk.fromClient({ flags: 'S' });
    talk.fromServer({ flags: 'SA', ack: 1 });
    talk.fromClient({ flags: 'S' });
    expect(talk.fromServer({ flags: 'SA', ack: 1 })).toBe('inspected');
    expect(talk.events).toEqual([]);
    talk.fromClient({ seq: 1, ack: 1 });
    expect(talk.fromServer({ flags: 'SA', ack: 1 })).toBe('inspected');
    expect(talk.events).toEqual(['stream.est_synack_resend']);
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'x' })).toBe('inspected');
  });

  test.each([
    ['does not acknowledge the SYN', { flags: 'SA', ack: 5 }, 'stream.3whs_synack_with_wrong_ack'],
    ['acknowledges what is before it', { flags: 'SA', ack: 0 }, 'stream.3whs_synack_with_wrong_ack'],
  ])('a SYN-ACK that %s is refused', (_, segment, event) => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    expect(talk.fromServer(segment)).toBe('invalid');
    expect(talk.events).toEqual([event]);
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.synSent);
  });

  test.each([
    ['SYN-ACK from the client', { flags: 'SA', ack: 1 }, 'stream.3whs_synack_in_wrong_direction'],
    ['data before the answer', { flags: 'PA', seq: 1, ack: 1, data: 'x' }, 'tcp.ack_before_synack'],
    ['SYN with FIN', { flags: 'SF' }, 'stream.fin_syn'],
  ])('%s is refused after the SYN', (_, segment, event) => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    expect(talk.fromClient(segment)).toBe('invalid');
    expect(talk.events).toEqual([event]);
    expect(talk.log).toEqual([]);
  });

  test('the ACK that should complete it must acknowledge the SYN-ACK', () => {
    for (const ack of [0, 2, 50_000]) {
      const talk = new Conversation();
      talk.fromClient({ flags: 'S' });
      talk.fromServer({ flags: 'SA', ack: 1 });
      expect(talk.fromClient({ flags: 'PA', seq: 1, ack, data: 'decoy' })).toBe('invalid');
      expect(talk.events).toEqual(['stream.3whs_right_seq_wrong_ack_evasion']);
      expect(talk.fromClient({ flags: 'PA', seq: 9, ack, data: 'decoy' })).toBe('invalid');
      expect(talk.events).toEqual(['stream.3whs_wrong_seq_wrong_ack']);
      expect(talk.isEstablished).toBe(false);
      expect(talk.log).toEqual([]);
    }
  });

  test('a server does not speak before the client’s ACK', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    talk.fromServer({ flags: 'SA', ack: 1 });
    expect(talk.fromServer({ flags: 'PA', seq: 1, ack: 1, data: 'injected' })).toBe('invalid');
    expect(talk.events).toEqual(['stream.3whs_ack_data_inject']);
  });

  test('of two SYNs the one counts that the server answers', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    expect(talk.fromClient({ flags: 'S', seq: 5000 })).toBe('inspected');
    expect(talk.events).toEqual(['tcp.syn_resend_diff_seq']);
    talk.fromServer({ flags: 'SA', ack: 5001 });
    talk.fromClient({ flags: 'PA', seq: 5001, ack: 1, data: 'second' });
    expect(talk.isEstablished).toBe(true);
    expect(talk.takeLog()).toBe('>second');
  });

  test('an inserted SYN does not keep the first one from being answered', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    talk.fromClient({ flags: 'S', seq: 5000 });
    talk.fromServer({ flags: 'SA', ack: 1 });
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'first' });
    expect(talk.takeLog()).toBe('>first');
  });

  test('of two SYN-ACKs the one counts that the client acknowledges', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    talk.fromServer({ flags: 'SA', ack: 1 });
    expect(talk.fromServer({ flags: 'SA', seq: 900, ack: 1 })).toBe('inspected');
    expect(talk.events).toEqual(['stream.3whs_synack_resend_with_diff_seq']);
    talk.fromClient({ seq: 1, ack: 901 });
    expect(talk.isEstablished).toBe(true);
    expect(talk.fromServer({ flags: 'PA', seq: 901, ack: 1, data: 'banner' })).toBe('inspected');
    expect(talk.takeLog()).toBe('<banner');
  });

  test('a simultaneous open is tolerated', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    expect(talk.fromServer({ flags: 'S' })).toBe('inspected');
    talk.fromClient({ flags: 'SA', ack: 1 });
    expect(talk.isEstablished).toBe(false);
    expect(talk.fromServer({ flags: 'SA', ack: 1 })).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.isEstablished).toBe(true);
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'both' });
    expect(talk.takeLog()).toBe('>both');
  });

  test('a split handshake is an event, and directions stay as they were', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    talk.fromServer({ flags: 'S' });
    talk.fromClient({ flags: 'SA', ack: 1 });
    talk.fromServer({ flags: 'A', seq: 1, ack: 1 });
    expect(talk.events).toEqual(['tcp.split_handshake']);
    talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'request' });
    expect(talk.takeLog()).toBe('>request');
  });

  test('a split handshake that begins with an ACK is one too', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    talk.fromServer({ flags: 'A', seq: 0, ack: 1 });
    expect(talk.events).toEqual(['tcp.split_handshake']);
  });

  test('a challenge ACK for a stale connection, and the RST it provokes, pass', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S', options: timestamps(5_000) });
    // It echoes a timestamp of that connection.
    expect(talk.fromServer({ seq: 90_000, ack: 44_000, options: timestamps(7, 3_000) })).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.fromClient({ flags: 'R', seq: 44_000 })).toBe('inspected');
    expect(talk.events).toEqual([]);
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.synSent);
  });
});

describe('data in the SYN', () => {
  test('is inspected at once, and not again when the server takes it', () => {
    const talk = new Conversation();
    expect(talk.fromClient({ flags: 'S', options: FAST_OPEN_COOKIE, data: 'GET /' })).toBe('inspected');
    expect(talk.takeLog()).toBe('>GET /');
    expect(talk.tracker.keptBytes).toBeGreaterThan(0);
    talk.fromServer({ flags: 'SA', ack: 6 });
    expect(talk.events).toEqual([]);
    expect(talk.tracker.keptBytes).toBe(0);
    expect(talk.fromServer({ flags: 'PA', seq: 1, ack: 6, data: 'early answer' })).toBe('inspected');
    talk.fromClient({ flags: 'PA', seq: 6, ack: 13, data: ' HTTP/1.0' });
    expect(talk.received[TO_SERVER]).toBe('GET / HTTP/1.0');
    expect(talk.received[TO_CLIENT]).toBe('early answer');
  });

  test('that the server ignores comes again and must be the same', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S', options: FAST_OPEN_COOKIE, data: 'GET /' });
    talk.fromServer({ flags: 'SA', ack: 1 });
    expect(talk.events).toEqual(['stream.3whs_synack_tfo_data_ignored']);
    talk.fromClient({ seq: 1, ack: 1 });
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'EVIL!' })).toBe('differs');
    expect(talk.events).toEqual(['tcp.retransmit_differs']);
    expect(talk.fromClient({ flags: 'PA', seq: 1, ack: 1, data: 'GET /index' })).toBe('inspected');
    expect(talk.received[TO_SERVER]).toBe('GET /index');
    talk.fromServer({ seq: 1, ack: 11 });
    expect(talk.tracker.keptBytes).toBe(0);
  });

  test('repeated with the SYN must be the same', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S', data: 'one' });
    expect(talk.fromClient({ flags: 'S', data: 'one' })).toBe('inspected');
    expect(talk.fromClient({ flags: 'S', data: 'two' })).toBe('differs');
    expect(talk.takeLog()).toBe('>one');
  });

  test('of all connections takes a part of the memory only', () => {
    const talk = new Conversation({ maxTotalBytes: 8 * 3000 });
    talk.client.port = 1;
    let outcome = '';
    let accepted = 0;
    for (; accepted < 10; accepted++) {
      talk.client.port++;
      talk.received = ['', ''];
      outcome = talk.fromClient({ flags: 'S', data: 'x'.repeat(488) });
      if (outcome !== 'inspected') break;
    }
    // A buffer and its overhead are 1280; an eighth of the memory is 3000.
    expect(accepted).toBe(2);
    expect(outcome).toBe('memory-cap');
    expect(talk.events).toEqual(['stream.reassembly_insert_memcap']);
    expect(talk.tracker.keptBytes).toBe(2560);
    talk.flows.forEach((slot) => {
      talk.flows.release(slot);
    });
    expect(talk.tracker.keptBytes).toBe(0);
  });

  test('on a SYN-ACK is data of the server', () => {
    const talk = new Conversation();
    talk.fromClient({ flags: 'S' });
    talk.fromServer({ flags: 'SA', ack: 1, data: 'hi' });
    talk.fromClient({ seq: 1, ack: 3 });
    expect(talk.isEstablished).toBe(true);
    talk.fromServer({ flags: 'PA', seq: 3, ack: 1, data: ' there' });
    expect(talk.received[TO_CLIENT]).toBe('hi there');
  });
});
