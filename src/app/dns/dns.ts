import type { AppProtocol } from '../protocol.ts';
import { DNS_BUFFERS } from './buffers.ts';
import { describeDns, describeDnsMessages } from './describe.ts';
import { DnsParser } from './parser.ts';
import { probeDns } from './probe.ts';
import type { DnsTransaction } from './transaction.ts';

/** DNS over UDP and TCP: RFC 1035, RFC 6891, RFC 7766. */
export const createDns = (): AppProtocol<DnsTransaction> => ({
  name: 'dns',
  buffers: DNS_BUFFERS,
  frames: { prefix: 'dns', names: ['pdu'] },
  transports: ['udp', 'tcp'],
  hasOneWayTransactions: true,
  probe: probeDns,
  open: (sink, { transport, frames }) => new DnsParser(sink, transport, frames),
  resume: (sink, { transport, frames }, restingAt) => new DnsParser(sink, transport, frames, restingAt),
  describe: describeDns,
  describeMessages: describeDnsMessages,
});
