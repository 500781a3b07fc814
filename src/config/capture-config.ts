import type { Config } from './config.ts';

/** What `auto` means where a capture is read: as Suricata 7 has it, so that both say the same of it. */
export function captureConfig(config: Config): Config {
  const { stream, tunnel } = config;
  return {
    ...config,
    stream: {
      ...stream,
      midstream: stream.midstream === true,
      strayEnds: stream.strayEnds === 'auto' ? 'drop' : stream.strayEnds,
    },
    tunnel: { ...tunnel, isIpv4InIpv4Open: tunnel.isIpv4InIpv4Open === true },
  };
}
