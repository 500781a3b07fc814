import { ACK, data, type Evasion, SYN, SYN_ACK } from './evasion.ts';

/** How a connection begins. */
export const HANDSHAKE_EVASIONS: Readonly<Record<string, readonly Evasion[]>> = {
  'data in the handshake': [
    {
      name: 'in the SYN, taken by the server, which answers at once',
      handshake: false,
      steps: [
        ['client', { ...SYN, data: 'GET' }, 'pass'],
        ['server', { flags: 'SA', ack: 4 }, 'pass'],
        ['server', data(1, 'answer', { ack: 4 }), 'pass'],
        ['client', data(4, ' /', { ack: 7 }), 'pass'],
      ],
      toServer: 'GET /',
      toClient: 'answer',
    },
    {
      name: 'in the SYN, ignored by the server, and then other data',
      handshake: false,
      steps: [
        ['client', { ...SYN, data: 'good' }, 'pass'],
        ['server', SYN_ACK, 'pass', 'stream.3whs_synack_tfo_data_ignored'],
        ['client', ACK, 'pass'],
        ['client', data(1, 'evil'), 'drop', 'tcp.retransmit_differs'],
        ['client', data(1, 'good'), 'pass', 'stream.pkt_retransmission'],
      ],
      toServer: 'good',
    },
    {
      name: 'in the SYN-ACK',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        ['server', { ...SYN_ACK, data: 'hi' }, 'pass'],
        ['client', { seq: 1, ack: 3 }, 'pass'],
        ['server', data(1, 'HI'), 'pass', 'stream.pkt_spurious_retransmission'],
      ],
      toClient: 'hi',
    },
    {
      name: 'an urgent pointer in the SYN-ACK, to a byte behind it',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        [
          'server',
          { ...SYN_ACK, flags: 'SAU', urgentPointer: 3 },
          'drop',
          'stream.reassembly_urgent_oob_limit_reached',
        ],
        ['server', SYN_ACK, 'pass'],
        ['client', { seq: 1, ack: 1 }, 'pass'],
        ['server', data(1, 'hi'), 'pass'],
      ],
      toClient: 'hi',
    },
    {
      name: 'from the server before the client has answered',
      handshake: false,
      tracker: { mayMissPackets: false },
      steps: [
        ['client', SYN, 'pass'],
        ['server', SYN_ACK, 'pass'],
        ['server', data(1, 'decoy'), 'drop', 'stream.3whs_ack_data_inject'],
        ['server', ACK, 'pass', 'stream.3whs_ack_in_wrong_dir'],
        ['client', ACK, 'pass'],
        ['server', data(1, 'true'), 'pass'],
      ],
      toClient: 'true',
    },
  ],

  'SYN again': [
    {
      name: 'on an established connection, the same, another, and with data',
      steps: [
        ['client', data(1, 'one '), 'pass'],
        ['client', SYN, 'pass', 'stream.est_syn_resend'],
        ['client', { flags: 'S', seq: 70_000 }, 'pass', 'stream.est_syn_resend_diff_seq'],
        ['client', { flags: 'S', seq: 80_000, data: 'decoy' }, 'drop', 'stream.est_syn_resend_diff_seq'],
        ['client', data(5, 'two'), 'pass'],
      ],
      toServer: 'one two',
    },
    {
      name: 'with other numbers before the answer: the one that is answered counts',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        ['client', { flags: 'S', seq: 5000 }, 'pass', 'tcp.syn_resend_diff_seq'],
        ['client', { flags: 'S', seq: 9000 }, 'pass', 'tcp.syn_resend_diff_seq'],
        ['server', { flags: 'SA', ack: 5001 }, 'pass'],
        ['client', data(5001, 'second'), 'pass'],
      ],
      toServer: 'second',
    },
    {
      name: 'several SYN-ACKs: the one that is acknowledged counts',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        ['server', SYN_ACK, 'pass'],
        ['server', { flags: 'SA', seq: 900, ack: 1 }, 'pass', 'stream.3whs_synack_resend_with_diff_seq'],
        ['server', { flags: 'SA', seq: 1900, ack: 1 }, 'pass', 'stream.3whs_synack_resend_with_diff_seq'],
        ['client', { seq: 1, ack: 901 }, 'pass'],
        ['server', data(901, 'banner'), 'pass'],
      ],
      toClient: 'banner',
    },
    {
      name: 'an old SYN-ACK',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        ['server', { flags: 'SA', seq: 900, ack: -300 }, 'pass', 'stream.3whs_synack_with_wrong_ack'],
        ['server', SYN_ACK, 'pass'],
        ['client', data(1, 'new'), 'pass'],
      ],
      toServer: 'new',
    },
  ],

  'split handshakes': [
    {
      name: 'in four: SYN, SYN, SYN-ACK, ACK',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        ['server', SYN, 'pass'],
        ['client', SYN_ACK, 'pass'],
        ['server', ACK, 'drop', 'tcp.split_handshake'],
      ],
    },
    {
      name: 'in five: SYN, ACK, SYN, SYN-ACK, ACK',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        ['server', { seq: 0, ack: 1 }, 'drop', 'tcp.split_handshake'],
        ['server', SYN, 'pass'],
        ['client', SYN_ACK, 'pass'],
        ['server', ACK, 'drop', 'tcp.split_handshake'],
        // Where the check only reports, directions are right all the same.
        ['client', data(1, 'request'), 'pass'],
      ],
      toServer: 'request',
    },
    {
      name: 'a simultaneous open is none',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        ['server', SYN, 'pass'],
        ['client', SYN_ACK, 'pass'],
        ['server', SYN_ACK, 'pass'],
        ['client', data(1, 'both'), 'pass'],
        ['server', data(1, 'ways'), 'pass'],
      ],
      toServer: 'both',
      toClient: 'ways',
    },
    {
      name: 'a simultaneous open with wrong numbers',
      handshake: false,
      steps: [
        ['client', SYN, 'pass'],
        ['server', SYN, 'pass'],
        ['client', { flags: 'SA', seq: 5, ack: 1 }, 'pass', 'stream.4whs_synack_with_wrong_syn'],
        ['client', { flags: 'SA', ack: 9 }, 'pass', 'stream.4whs_synack_with_wrong_ack'],
        ['server', { seq: 1, ack: 0 }, 'pass', 'stream.4whs_invalid_ack'],
        ['server', { seq: 40, ack: 1 }, 'pass', 'stream.4whs_wrong_seq'],
      ],
    },
  ],
};
