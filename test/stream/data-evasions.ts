import { timestamps, WINDOW_SCALE_7 } from './conversation.ts';
import { ACK, data, type Evasion, type Step, SYN, SYN_ACK } from './evasion.ts';

/** One block, from and to by the sequence numbers of a conversation that begins at 1000. RFC 2018 §3. */
const sack = (start: number, end: number): readonly number[] => [
  ...[1, 1, 5, 10],
  ...[1000 + start, 1000 + end].flatMap((n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]),
];

const URGENT_LIMIT = 'stream.reassembly_urgent_oob_limit_reached';

/** What goes on in a connection that has begun. */
export const DATA_EVASIONS: Readonly<Record<string, readonly Evasion[]>> = {
  'flags that cannot be (decoding drops most of them)': [
    { name: 'SYN and FIN', handshake: false, steps: [['client', { flags: 'SF' }, 'pass', 'stream.fin_syn']] },
    { name: 'data without ACK', steps: [['client', data(1, 'decoy', { flags: 'P' }), 'drop', 'tcp.missing_ack']] },
  ],

  'overlaps with other data': [
    {
      name: 'in place of what was delivered: whole',
      steps: [
        ['client', data(1, 'good'), 'pass'],
        ['client', data(1, 'evil'), 'drop', 'tcp.retransmit_differs'],
      ],
      toServer: 'good',
    },
    {
      name: 'head, tail, inside, and over two segments',
      steps: [
        ['client', data(1, 'abcd'), 'pass'],
        ['client', data(5, 'efgh'), 'pass'],
        ['client', data(1, 'aB'), 'drop', 'tcp.retransmit_differs'],
        ['client', data(7, 'gHij'), 'drop', 'tcp.retransmit_differs'],
        ['client', data(6, 'F'), 'drop', 'tcp.retransmit_differs'],
        ['client', data(4, 'dE'), 'drop', 'tcp.retransmit_differs'],
        ['client', data(7, 'ghij'), 'pass', 'stream.pkt_retransmission'],
      ],
      toServer: 'abcdefghij',
    },
    {
      name: 'in place of what waits behind a hole: whether old or new data wins does not matter',
      steps: [
        ['client', data(4, 'def'), 'pass'],
        ['client', data(4, 'DEF'), 'drop', 'tcp.retransmit_differs'],
        ['client', data(1, 'abcdeF'), 'drop', 'tcp.retransmit_differs'],
        ['client', data(1, 'abc'), 'pass'],
        ['client', data(4, 'DEF'), 'drop', 'tcp.retransmit_differs'],
      ],
      toServer: 'abcdef',
    },
    {
      name: 'in place of what was acknowledged: nobody reads it again',
      steps: [
        ['client', data(1, 'good'), 'pass'],
        ['server', { seq: 1, ack: 5 }, 'pass'],
        ['client', data(1, 'evil'), 'pass', 'stream.pkt_spurious_retransmission'],
      ],
      toServer: 'good',
    },
  ],

  'overlaps with the same data': [
    {
      name: 'with other boundaries, as every stack does it',
      steps: [
        ['client', data(1, 'abcdefghij'), 'pass'],
        ['client', data(3, 'cde'), 'pass', 'stream.pkt_retransmission'],
        ['client', data(9, 'ijkl'), 'pass', 'stream.pkt_retransmission'],
        ['client', data(1, 'abcdefghijklm'), 'pass', 'stream.pkt_retransmission'],
      ],
      toServer: 'abcdefghijklm',
    },
  ],

  windows: [
    {
      name: 'far left, far right, and half the sequence space away',
      steps: [
        ['client', data(-200_000, 'decoy'), 'drop', 'stream.est_packet_out_of_window'],
        ['client', data(300_000, 'decoy'), 'drop', 'stream.est_packet_out_of_window'],
        ['client', data(2 ** 31, 'decoy'), 'drop', 'stream.est_packet_out_of_window'],
        ['client', data(1, 'true'), 'pass'],
      ],
      toServer: 'true',
    },
    {
      name: 'a little beyond the window: what the server dropped must come again as it was',
      steps: [
        ['server', { seq: 1, ack: 1, window: 2 }, 'pass'],
        ['client', data(1, 'decoy'), 'pass'],
        ['client', data(1, 'EVIL!'), 'drop', 'tcp.retransmit_differs'],
      ],
      toServer: 'decoy',
    },
    {
      name: 'keep-alive with a stale byte',
      steps: [
        ['client', data(1, 'abc'), 'pass'],
        ['server', { seq: 1, ack: 4 }, 'pass'],
        ['client', { seq: 3, ack: 1, data: '\0' }, 'pass'],
        ['client', data(4, 'def'), 'pass'],
      ],
      toServer: 'abcdef',
    },
    {
      name: 'zero window, probes with a byte that is then sent again, a shrinking window',
      steps: [
        ['client', data(1, 'abc'), 'pass'],
        ['server', { seq: 1, ack: 4, window: 0 }, 'pass'],
        ['client', { seq: 4, ack: 1, data: 'd' }, 'pass'],
        ['client', { seq: 4, ack: 1, data: 'X' }, 'drop', 'tcp.retransmit_differs'],
        ['server', { seq: 1, ack: 4, window: 9000 }, 'pass'],
        ['client', data(4, 'defghi'), 'pass', 'stream.pkt_retransmission'],
        ['server', { seq: 1, ack: 4, window: 3 }, 'pass', 'stream.pkt_bad_window_update'],
      ],
      toServer: 'abcdefghi',
    },
    {
      name: 'a scale above 14 is 14, one in a segment without SYN is nothing',
      handshake: [3, 3, 15, 1],
      steps: [
        ['server', { seq: 1, ack: 1, window: 60_000 }, 'pass'],
        ['client', data(900_000_000, 'in the window of 2^14 times that'), 'pass'],
        ['client', { seq: 1, ack: 1, options: WINDOW_SCALE_7 }, 'pass'],
      ],
    },
  ],

  acknowledgements: [
    {
      name: 'of what was never sent, and of the far past',
      tracker: { mayMissPackets: false },
      steps: [
        ['client', data(1, 'decoy', { ack: 500 }), 'drop', 'stream.est_invalid_ack', 'stream.pkt_invalid_ack'],
        ['client', data(1, 'decoy', { ack: -200_000 }), 'drop', 'stream.est_invalid_ack', 'stream.pkt_invalid_ack'],
        ['client', { flags: 'FA', seq: 1, ack: 500 }, 'pass', 'stream.fin_invalid_ack', 'stream.pkt_invalid_ack'],
        ['client', data(1, 'true'), 'pass'],
      ],
      toServer: 'true',
    },
  ],

  timestamps: [
    {
      name: 'old, zero: refused; missing: taken, as Linux does; wrapped: newer',
      handshake: timestamps(0xffff_fff0),
      steps: [
        ['client', data(1, 'a', { options: timestamps(0xffff_fff8) }), 'pass'],
        ['server', { seq: 1, ack: 2, options: timestamps(0xffff_fff8) }, 'pass'],
        ['client', data(2, 'DECOY', { options: timestamps(0xffff_ff00) }), 'drop', 'stream.pkt_invalid_timestamp'],
        ['client', data(2, 'b', { options: timestamps(5) }), 'pass'],
        ['server', { seq: 1, ack: 3, options: timestamps(6) }, 'pass'],
        ['client', data(3, 'DECOY', { options: timestamps(0) }), 'drop', 'stream.pkt_invalid_timestamp'],
        ['client', data(3, 'c'), 'pass'],
        ['client', data(3, 'X', { options: timestamps(9) }), 'drop', 'tcp.retransmit_differs'],
      ],
      toServer: 'abc',
    },
    {
      name: 'not negotiated: nobody looks at them',
      steps: [
        ['client', data(1, 'a', { options: timestamps(50) }), 'pass'],
        ['client', data(2, 'b', { options: timestamps(10) }), 'pass'],
      ],
      toServer: 'ab',
    },
    {
      name: 'a RST that refuses the SYN and echoes what the SYN did not say: its sender goes on',
      handshake: false,
      steps: [
        ['client', { flags: 'S', options: timestamps(90_000) }, 'pass'],
        [
          'server',
          { flags: 'RA', seq: -7000, ack: 1, options: timestamps(1, 100) },
          'pass',
          'stream.pkt_invalid_timestamp',
        ],
        ['server', { ...SYN_ACK, options: timestamps(7, 90_000) }, 'pass'],
        ['client', data(1, 'go on'), 'pass'],
      ],
      toServer: 'go on',
    },
  ],

  signatures: [
    {
      name: 'on one segment: a server without a key discards it',
      steps: [
        ['client', data(1, 'decoy', { isSigned: true }), 'drop', 'tcp.unexpected_signature'],
        ['client', data(1, 'true!'), 'pass'],
        ['client', { flags: 'R', seq: 6, isSigned: true }, 'drop', 'tcp.unexpected_signature'],
        ['client', data(6, ' more'), 'pass', 'stream.suspected_rst_inject'],
      ],
      toServer: 'true! more',
    },
    {
      name: 'agreed on: what lacks one is discarded',
      handshake: false,
      steps: [
        ['client', { ...SYN, isSigned: true }, 'pass'],
        ['server', { ...SYN_ACK, isSigned: true }, 'pass'],
        ['client', data(1, 'decoy'), 'drop', 'tcp.unexpected_signature'],
        ['client', data(1, 'true', { isSigned: true }), 'pass'],
      ],
      toServer: 'true',
    },
    {
      name: 'on the SYN only: what the server answered counts',
      handshake: false,
      steps: [
        ['client', { ...SYN, isSigned: true }, 'pass'],
        ['client', SYN, 'pass'],
        ['server', SYN_ACK, 'pass'],
        ['client', data(1, 'plain'), 'pass'],
      ],
      toServer: 'plain',
    },
  ],

  'urgent data': [
    {
      name: 'the urgent byte is not in what the application reads',
      steps: [
        ['client', data(1, 'evXil', { flags: 'UA', urgentPointer: 3 }), 'pass', 'tcp.urgent_data'],
        ['client', data(1, 'evXil', { flags: 'UA', urgentPointer: 3 }), 'pass', 'stream.pkt_retransmission'],
        ['client', data(6, ' more'), 'pass'],
      ],
      toServer: 'evil more',
    },
    {
      name: 'a pointer of zero is the first byte; one beyond the segment is a byte to come',
      steps: [
        ['client', data(1, 'Xev', { flags: 'UA', urgentPointer: 0 }), 'pass', 'tcp.urgent_data'],
        ['server', { seq: 1, ack: 4 }, 'pass'],
        ['client', data(4, 'i', { flags: 'UA', urgentPointer: 3, timeMs: 9000 }), 'pass', 'tcp.urgent_data'],
        ['client', data(5, 'lX!', { flags: 'UA', urgentPointer: 2, timeMs: 9000 }), 'pass'],
      ],
      toServer: 'evil!',
    },
    {
      name: 'several: the kernel would put the first back into the stream, if it was not read past',
      steps: [
        ['client', data(1, 'eXvil', { flags: 'UA', urgentPointer: 2 }), 'pass', 'tcp.urgent_data'],
        ['server', { seq: 1, ack: 6 }, 'pass'],
        ['client', data(6, 'nY', { flags: 'UA', urgentPointer: 2 }), 'drop', URGENT_LIMIT],
        ['client', data(6, 'nY', { flags: 'UA', urgentPointer: 2, timeMs: 5000 }), 'pass', 'tcp.urgent_data'],
      ],
      toServer: 'eviln',
    },
    {
      name: 'a pointer that comes later than its byte',
      steps: [
        ['client', data(1, 'evXil'), 'pass'],
        ['client', data(1, 'evXil', { flags: 'UA', urgentPointer: 3 }), 'drop', URGENT_LIMIT],
      ],
      toServer: 'evXil',
    },
    {
      name: 'a pointer that comes later than its byte, which is kept',
      steps: [
        ['client', data(3, 'Xil'), 'pass'],
        ['client', { flags: 'UA', seq: 1, ack: 1, urgentPointer: 3 }, 'drop', URGENT_LIMIT],
        ['client', data(1, 'ev'), 'pass'],
      ],
      toServer: 'evXil',
    },
    {
      name: 'the byte once more, and nobody says that it is urgent: the kernel may not have heard so',
      steps: [
        ['client', data(1, 'evXil', { flags: 'UA', urgentPointer: 3 }), 'pass', 'tcp.urgent_data'],
        ['client', data(1, 'evXil'), 'drop', URGENT_LIMIT],
        ['client', data(2, 'vX', { flags: 'UA', urgentPointer: 2 }), 'pass', 'stream.pkt_retransmission'],
        ['server', { seq: 1, ack: 6 }, 'pass'],
        ['client', data(1, 'evXil'), 'pass', 'stream.pkt_spurious_retransmission'],
      ],
      toServer: 'evil',
    },
    {
      name: 'announced, and then not',
      steps: [
        ['client', { flags: 'UA', seq: 1, ack: 1, urgentPointer: 3 }, 'pass', 'tcp.urgent_data'],
        ['client', data(1, 'ev'), 'pass'],
        ['client', data(3, 'Xil'), 'drop', URGENT_LIMIT],
        ['client', data(3, 'Xil', { flags: 'UA', urgentPointer: 2 }), 'drop', URGENT_LIMIT],
        ['client', data(3, 'Xil', { flags: 'UA', urgentPointer: 1 }), 'pass'],
      ],
      toServer: 'evil',
    },
    {
      name: 'a pointer far ahead, which the kernel may not have seen, and one before it',
      steps: [
        ['client', data(70_000, 'X', { flags: 'UA', urgentPointer: 1 }), 'pass', 'tcp.urgent_data'],
        ['client', data(1, 'evXil', { flags: 'UA', urgentPointer: 3 }), 'drop', URGENT_LIMIT],
      ],
      toServer: '',
    },
    {
      name: 'a pointer in an ACK that was overtaken, or that acknowledges what was never sent: the kernel may heed it',
      handshake: timestamps(100),
      steps: [
        ['client', { seq: 1, ack: 1, options: timestamps(105) }, 'pass'],
        ['client', { seq: 1, ack: 1, options: timestamps(101) }, 'pass'],
        ['client', { flags: 'UA', seq: 1, ack: 1, options: timestamps(101) }, 'drop', 'stream.pkt_invalid_timestamp'],
        [
          'client',
          { flags: 'UA', seq: 1, ack: 500, options: timestamps(105) },
          'drop',
          'stream.est_invalid_ack',
          'stream.pkt_invalid_ack',
        ],
      ],
    },
    {
      name: 'a pointer in a packet that is refused counts for nothing',
      steps: [
        ['client', data(1, 'ab'), 'pass'],
        [
          'client',
          data(1, 'aXc', { flags: 'UA', urgentPointer: 3 }),
          'drop',
          'tcp.urgent_data',
          'tcp.retransmit_differs',
        ],
        ['client', data(3, 'cd'), 'pass'],
      ],
      toServer: 'abcd',
    },
  ],

  RST: [
    {
      name: 'not in the exact place: in the window, far off, of the past',
      steps: [
        ['client', data(1, 'abc'), 'pass'],
        ['server', { seq: 1, ack: 4 }, 'pass'],
        ['client', { flags: 'R', seq: 5 }, 'pass', 'tcp.rst_wrong_seq'],
        ['client', { flags: 'R', seq: 2 ** 31 }, 'pass', 'tcp.rst_wrong_seq'],
        ['client', { flags: 'R', seq: 3 }, 'pass'],
        ['client', { flags: 'RA', seq: 4, ack: 200_000 }, 'pass', 'stream.rst_invalid_ack'],
        ['client', data(4, 'def'), 'pass'],
      ],
      toServer: 'abcdef',
    },
    {
      name: 'in the exact place, where the server may lack what is before it',
      steps: [
        ['client', data(1, 'abc'), 'pass'],
        ['client', { flags: 'R', seq: 4 }, 'pass'],
        ['client', data(1, 'evil'), 'drop', 'stream.suspected_rst_inject', 'tcp.retransmit_differs'],
        ['client', data(4, 'def'), 'pass'],
      ],
      toServer: 'abcdef',
    },
    {
      name: 'in the exact place, but the sender goes on',
      steps: [
        ['client', { flags: 'R', seq: 1 }, 'pass'],
        ['client', data(1, 'more'), 'drop', 'stream.suspected_rst_inject'],
      ],
      toServer: '',
    },
    {
      name: 'refuses the SYN, and then the server accepts it',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        ['server', { flags: 'RA', seq: -7000, ack: 1 }, 'pass'],
        ['server', SYN_ACK, 'pass', 'stream.suspected_rst_inject'],
        ['client', data(1, 'go on'), 'pass'],
      ],
      toServer: 'go on',
    },
  ],

  FIN: [
    {
      name: 'far off, then data',
      steps: [
        ['client', { flags: 'FA', seq: 300_000, ack: 1 }, 'pass', 'stream.fin_out_of_window'],
        ['client', data(1, 'abc'), 'pass'],
      ],
      toServer: 'abc',
    },
    {
      name: 'before what was sent; with data; data behind it',
      steps: [
        ['client', data(1, 'abc'), 'pass'],
        ['client', { flags: 'FA', seq: 2, ack: 1 }, 'pass', 'stream.fin_out_of_window'],
        ['client', data(4, 'def', { flags: 'FA' }), 'pass'],
        ['client', data(8, 'more'), 'drop', 'tcp.data_after_fin'],
        ['client', data(4, 'deF'), 'drop', 'tcp.retransmit_differs'],
      ],
      toServer: 'abcdef',
    },
    {
      name: 'half-close: the other side goes on, and is inspected',
      steps: [
        ['client', { flags: 'FA', seq: 1, ack: 1 }, 'pass'],
        ['server', data(1, 'still ', { ack: 2 }), 'pass'],
        ['server', data(7, 'here', { ack: 2, flags: 'FA' }), 'pass'],
      ],
      toClient: 'still here',
    },
  ],

  'the middle of a connection': [
    {
      name: 'an attack in a connection that was there before us',
      handshake: false,
      tracker: { midstreamUntilMs: 5000 },
      steps: [
        ['client', data(500, 'GET /'), 'pass', 'tcp.picked_up'],
        ['client', data(505, 'evil'), 'pass'],
        ['client', data(505, 'good'), 'drop', 'tcp.retransmit_differs'],
      ],
      toServer: 'GET /evil',
    },
  ],

  'order and numbers': [
    {
      name: 'one byte each, backwards, some twice, across the wrap of sequence numbers',
      isn: 0xffff_fffd,
      steps: [
        ...[...'attack'].map((letter, i): Step => ['client', data(i + 2, letter), 'pass']).reverse(),
        ['client', data(3, 't'), 'pass'],
        ['client', data(1, '/'), 'pass'],
      ],
      toServer: '/attack',
    },
    {
      name: 'a segment as large as the kernel hands over before it is cut, and pieces of it again',
      steps: [
        ['client', data(1, new Uint8Array(65_000).fill(0x61)), 'pass'],
        ['client', data(1449, 'a'.repeat(1448)), 'pass', 'stream.pkt_retransmission'],
        ['client', data(64_001, `${'a'.repeat(999)}b`), 'drop', 'tcp.retransmit_differs'],
      ],
      toServer: 'a'.repeat(65_000),
    },
    {
      name: 'a hole that is never filled, and much behind it',
      tracker: { maxOutOfOrderBytes: 3000 },
      steps: [
        ['client', data(5, 'x'.repeat(2000)), 'pass'],
        ['client', data(2005, 'x'.repeat(2000)), 'drop', 'stream.reassembly_insert_limit'],
      ],
      toServer: '',
    },
    {
      name: 'SACK that claims bytes which nobody sent: it opens no gap and lets go of nothing',
      handshake: [4, 2, 1, 1],
      steps: [
        ['client', data(1, 'good'), 'pass'],
        ['server', { seq: 1, ack: 1, options: sack(1, 3000) }, 'pass'],
        ['client', data(1, 'evil'), 'drop', 'tcp.retransmit_differs'],
        ['client', data(5, ' day'), 'pass'],
      ],
      toServer: 'good day',
    },
    {
      name: 'ACKs without end, each for the other',
      steps: [
        ...Array.from({ length: 20 }, (_, i): Step => [i % 2 === 0 ? 'client' : 'server', ACK, 'pass']),
        ['client', data(1, 'still here'), 'pass'],
      ],
      toServer: 'still here',
    },
  ],
};
