import { describe, expect, test } from 'vitest';
import { SEGMENT_OVERHEAD_BYTES } from '../../src/stream/segment-queue.ts';
import { TCP_STATE } from '../../src/stream/session.ts';
import { Conversation, TO_SERVER } from './conversation.ts';

const open = (options = {}): Conversation => new Conversation(options).handshake();

describe('order', () => {
  test('data behind a hole waits, and all comes when the hole is filled', () => {
    const talk = open();
    expect(talk.fromClient({ seq: 4, ack: 1, data: 'def' })).toBe('kept');
    expect(talk.fromClient({ seq: 10, ack: 1, data: 'jkl' })).toBe('kept');
    expect(talk.fromClient({ seq: 7, ack: 1, data: 'ghi' })).toBe('kept');
    expect(talk.takeLog()).toBe('');
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'abc' })).toBe('inspected');
    expect(talk.takeLog()).toBe('>abc >def >ghi >jkl');
    talk.fromServer({ seq: 1, ack: 13 });
    expect(talk.tracker.keptBytes).toBe(0);
    expect(talk.tracker.deliveredBytes(talk.slot, TO_SERVER)).toBe(12);
  });

  test('in-order data is handed on where it lies in the packet', () => {
    const talk = open();
    let given: Uint8Array | null = null;
    talk.onData = (_flow, _direction, bytes) => {
      given = bytes;
    };
    talk.fromClient({ seq: 1, ack: 1, data: 'abc' });
    expect(given).toBe(talk.packet.bytes);
  });

  test('a retransmission with new bytes behind it delivers the new ones', () => {
    const talk = open();
    talk.fromClient({ seq: 1, ack: 1, data: 'abc' });
    talk.fromServer({ seq: 1, ack: 4 });
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'abcdef' })).toBe('inspected');
    expect(talk.takeLog()).toBe('>abc >def');
  });

  test('a whole retransmission delivers nothing; not acknowledged it is told from acknowledged', () => {
    const talk = open();
    talk.fromClient({ seq: 1, ack: 1, data: 'abc' });
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'abc' })).toBe('inspected');
    expect(talk.events).toEqual(['stream.pkt_retransmission']);
    talk.fromServer({ seq: 1, ack: 4 });
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'abc' })).toBe('inspected');
    expect(talk.events).toEqual(['stream.pkt_spurious_retransmission']);
    expect(talk.takeLog()).toBe('>abc');
  });
});

describe('overlaps in what is kept', () => {
  test.each([
    ['the same again', 5, 'efgh'],
    ['the head', 3, 'cdef'],
    ['the tail', 7, 'ghij'],
    ['inside', 6, 'fg'],
    ['all around', 3, 'cdefghij'],
  ])('identical bytes pass: %s', (_, seq, data) => {
    const talk = open();
    talk.fromClient({ seq: 5, ack: 1, data: 'efgh' });
    expect(talk.fromClient({ seq, ack: 1, data })).toBe('kept');
    expect(talk.events).toEqual([]);
    talk.fromClient({ seq: 1, ack: 1, data: 'abcdefghijkl' });
    expect(talk.received[TO_SERVER]).toBe('abcdefghijkl');
    talk.fromServer({ seq: 1, ack: 13 });
    expect(talk.tracker.keptBytes).toBe(0);
  });

  test.each([
    ['the same range', 5, 'eFgh'],
    ['the head', 3, 'cdEf'],
    ['the tail', 7, 'gHij'],
    ['inside', 6, 'fG'],
    ['all around', 3, 'cdefghIj'],
    ['from the front, filling the hole', 1, 'abcdE'],
  ])('differing bytes are refused and nothing of their packet is taken: %s', (_, seq, data) => {
    const talk = open();
    talk.fromClient({ seq: 5, ack: 1, data: 'efghi' });
    const kept = talk.tracker.keptBytes;
    expect(talk.fromClient({ seq, ack: 1, data })).toBe('differs');
    expect(talk.events).toEqual(['tcp.retransmit_differs']);
    expect(talk.tracker.keptBytes).toBe(kept);
    expect(talk.takeLog()).toBe('');
    talk.fromClient({ seq: 1, ack: 1, data: 'abcd' });
    expect(talk.received[TO_SERVER]).toBe('abcdefghi');
  });

  test('one segment over two others and the hole between them', () => {
    const talk = open();
    talk.fromClient({ seq: 3, ack: 1, data: 'cd' });
    talk.fromClient({ seq: 7, ack: 1, data: 'gh' });
    expect(talk.fromClient({ seq: 4, ack: 1, data: 'defX' })).toBe('differs');
    expect(talk.fromClient({ seq: 4, ack: 1, data: 'defg' })).toBe('kept');
    talk.fromClient({ seq: 1, ack: 1, data: 'ab' });
    expect(talk.takeLog()).toBe('>ab >cd >ef >gh');
  });
});

describe('bounds', () => {
  test('bytes of one direction', () => {
    const talk = open({ maxOutOfOrderBytes: 10 });
    expect(talk.fromClient({ seq: 5, ack: 1, data: '12345678' })).toBe('kept');
    expect(talk.fromClient({ seq: 20, ack: 1, data: '123' })).toBe('memory-cap');
    expect(talk.events).toEqual(['stream.reassembly_insert_limit']);
    expect(talk.fromClient({ seq: 5, ack: 1, data: '12345678' })).toBe('kept');
    expect(talk.fromServer({ seq: 20, ack: 1, data: '123' })).toBe('kept');
    expect(talk.fromClient({ seq: 11, ack: 1, data: '7890' })).toBe('kept');
    expect(talk.tracker.keptBytes).toBe(10 + 3 + 3 * SEGMENT_OVERHEAD_BYTES);
  });

  test('segments of one direction; a larger one may take the place of several', () => {
    const talk = open({ maxOutOfOrderSegments: 3 });
    for (const seq of [3, 5, 7]) expect(talk.fromClient({ seq, ack: 1, data: 'x' })).toBe('kept');
    expect(talk.fromClient({ seq: 9, ack: 1, data: 'x' })).toBe('memory-cap');
    expect(talk.events).toEqual(['stream.reassembly_insert_limit']);
    expect(talk.fromClient({ seq: 3, ack: 1, data: 'xxxxx' })).toBe('kept');
    expect(talk.tracker.keptBytes).toBe(5 + SEGMENT_OVERHEAD_BYTES);
    expect(talk.fromClient({ seq: 9, ack: 1, data: 'x' })).toBe('kept');
  });

  test('memory of all connections', () => {
    const talk = open({ maxTotalBytes: 1500 });
    expect(talk.fromClient({ seq: 5, ack: 1, data: 'x'.repeat(700) })).toBe('kept');
    expect(talk.fromServer({ seq: 5, ack: 1, data: 'x' })).toBe('memory-cap');
    expect(talk.events).toEqual(['stream.reassembly_insert_memcap']);
    talk.fromClient({ seq: 1, ack: 1, data: 'xxxx' });
    expect(talk.tracker.keptBytes).toBe(0);
    expect(talk.fromServer({ seq: 5, ack: 1, data: 'x' })).toBe('kept');
    talk.flows.release(talk.slot);
    expect(talk.tracker.keptBytes).toBe(0);
  });

  test('what passed at a bound becomes a gap once it is acknowledged, and reassembly goes on behind it', () => {
    const talk = open({ maxOutOfOrderBytes: 4 });
    expect(talk.fromClient({ seq: 5, ack: 1, data: 'efgh' })).toBe('kept');
    expect(talk.fromClient({ seq: 9, ack: 1, data: 'ijkl' })).toBe('memory-cap');
    talk.fromClient({ seq: 1, ack: 1, data: 'abcd' });
    expect(talk.fromServer({ seq: 1, ack: 13 })).toBe('inspected');
    expect(talk.fromClient({ seq: 13, ack: 1, data: 'mnop' })).toBe('gap');
    expect(talk.events).toEqual(['stream.reassembly_seq_gap']);
    expect(talk.takeLog()).toBe('>abcd >efgh >[4] >mnop');
  });
});

describe('gaps', () => {
  test('are known when the receiver acknowledges what we lack and something lies behind', () => {
    const talk = open({ mayMissPackets: true });
    expect(talk.fromClient({ seq: 5, ack: 1, data: 'efgh' })).toBe('kept');
    expect(talk.fromServer({ seq: 1, ack: 1 })).toBe('inspected');
    expect(talk.fromServer({ seq: 1, ack: 9 })).toBe('gap');
    expect(talk.events).toEqual(['stream.reassembly_seq_gap']);
    expect(talk.takeLog()).toBe('>[4] >efgh');
    expect(talk.fromClient({ seq: 9, ack: 1, data: 'ij' })).toBe('inspected');
    expect(talk.tracker.deliveredBytes(talk.slot, TO_SERVER)).toBe(10);
  });

  test('an acknowledgement ahead of the data opens none by itself', () => {
    const talk = open({ mayMissPackets: true });
    expect(talk.fromServer({ seq: 1, ack: 4 })).toBe('inspected');
    expect(talk.fromClient({ seq: 1, ack: 1, data: 'abc' })).toBe('inspected');
    expect(talk.takeLog()).toBe('>abc');
  });

  test('an acknowledgement that does not reach the kept data opens none before the sender goes on from there', () => {
    const talk = open({ mayMissPackets: true });
    talk.fromClient({ seq: 9, ack: 1, data: 'ijkl' });
    expect(talk.fromServer({ seq: 1, ack: 5 })).toBe('inspected');
    // Its receiver can read it at once, and what is kept behind it.
    expect(talk.fromClient({ seq: 5, ack: 1, data: 'efgh' })).toBe('gap');
    expect(talk.takeLog()).toBe('>[4] >efgh >ijkl');
  });

  test('before a FIN', () => {
    const talk = open({ mayMissPackets: true });
    talk.fromClient({ flags: 'FA', seq: 5, ack: 1 });
    expect(talk.takeLog()).toBe('');
    expect(talk.fromServer({ seq: 1, ack: 6 })).toBe('gap');
    expect(talk.takeLog()).toBe('>[4] >.');
    expect(talk.tracker.state(talk.slot)).toBe(TCP_STATE.closeWait);
  });

  test('where nothing can be missed, such an acknowledgement is refused', () => {
    const talk = open({ mayMissPackets: false });
    expect(talk.fromServer({ seq: 1, ack: 9 })).toBe('invalid');
    expect(talk.fromClient({ seq: 5, ack: 1, data: 'efgh' })).toBe('kept');
    expect(talk.takeLog()).toBe('');
  });
});

test('stopComparing: bytes come as before, and nothing is kept to compare with', () => {
  const talk = open();
  talk.fromClient({ seq: 1, ack: 1, data: 'abc' });
  talk.tracker.stopComparing(talk.slot, TO_SERVER);
  expect(talk.tracker.keptBytes).toBe(0);
  talk.fromClient({ seq: 4, ack: 1, data: 'def' });
  expect(talk.fromClient({ seq: 4, ack: 1, data: 'dEf' })).toBe('inspected');
  expect(talk.tracker.keptBytes).toBe(0);
  expect(talk.received[TO_SERVER]).toBe('abcdef');
});

test('sequence numbers wrap in the middle of everything', () => {
  const talk = new Conversation({}, { isn: 0xffff_fffd }).handshake();
  talk.fromClient({ seq: 4, ack: 1, data: 'def' });
  expect(talk.fromClient({ seq: 3, ack: 1, data: 'cD' })).toBe('differs');
  talk.fromClient({ seq: 1, ack: 1, data: 'abc' });
  expect(talk.takeLog()).toBe('>abc >def');
  talk.fromServer({ seq: 1, ack: 7 });
  talk.fromClient({ flags: 'FA', seq: 7, ack: 1 });
  expect(talk.takeLog()).toBe('>.');
});
