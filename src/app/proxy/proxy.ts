import type { AppProtocol } from '../protocol.ts';
import { ProxyParser } from './parser.ts';
import { probeProxy } from './probe.ts';

/**
 * The PROXY protocol, versions 1 and 2, as HAProxy has written it down; § in this folder is of that. It has no
 * transaction: what follows its header is looked for anew.
 */
export const createProxy = (): AppProtocol => ({
  name: 'proxy',
  transports: ['tcp'],
  buffers: [],
  probe: probeProxy,
  open: (sink) => new ProxyParser(sink),
  describe: () => ({}),
});
