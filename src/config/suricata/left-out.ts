const OUTPUTS = "where events go, outputs of vpatch's own configuration say";
const CAPTURE = 'vpatch takes packets from NFQUEUE (run), libpcap (sniff) or files (replay)';
const BODIES = 'bodies are inspected as they grow';
const PROTOCOLS = 'what vpatch knows is inspected on any port, and bounded by itself (docs/protocols.md)';
const PROCESS = 'how vpatch runs is not set here';
const WORK = 'vpatch arranges its work by itself';
const FLOODS = 'in a flood, what nobody has answered makes room, however old it is';
const STREAMS = 'streams are inspected as their bytes arrive';

/**
 * Why a part of a suricata.yaml is not taken over; `*` stands for one step of the path. The longest that fits counts,
 * and stands for all below it.
 */
const REASONS: Readonly<Record<string, string>> = {
  'suricata-version': 'it says nothing that could be set',
  'default-log-dir': OUTPUTS,
  outputs: OUTPUTS,
  stats: OUTPUTS,
  logging: 'what vpatch says about itself, log.level decides',
  plugins: 'vpatch has no plug-ins',
  'af-packet': CAPTURE,
  'af-xdp': CAPTURE,
  dpdk: CAPTURE,
  pcap: CAPTURE,
  'pcap-file': 'a replay has --checksums',
  netmap: CAPTURE,
  ipfw: CAPTURE,
  nflog: CAPTURE,
  napatech: CAPTURE,
  capture: CAPTURE,
  device: 'name interfaces in queue.interfaces, or to sniff -i',
  nfq: 'vpatch run makes its own queues and firewall rules (docs/firewall.md)',

  'app-layer': PROTOCOLS,
  'app-layer.protocols.http.memcap': 'one bound holds for all protocols: app-layer.memory',
  'app-layer.protocols.http.libhtp.default-config': 'vpatch bounds this by itself (docs/protocols.md)',
  'app-layer.protocols.http.libhtp.default-config.personality':
    'what servers read differently is a check (docs/checks.md)',
  'app-layer.protocols.http.libhtp.default-config.request-body-minimal-inspect-size': BODIES,
  'app-layer.protocols.http.libhtp.default-config.request-body-inspect-window': BODIES,
  'app-layer.protocols.http.libhtp.default-config.response-body-minimal-inspect-size': BODIES,
  'app-layer.protocols.http.libhtp.default-config.response-body-inspect-window': BODIES,
  'app-layer.protocols.http.libhtp.default-config.http-body-inline': BODIES,
  'app-layer.protocols.http.libhtp.default-config.double-decode-path': 'what is encoded twice is a check',
  'app-layer.protocols.http.libhtp.default-config.double-decode-query': 'what is encoded twice is a check',
  'app-layer.protocols.http.libhtp.server-config': 'one set of limits is for all servers',
  'asn1-max-frames': 'vpatch bounds this by itself',

  datasets: 'a set has room for its memcap, or 16 MiB, and rules write below state.folder only',
  'magic-file': 'vpatch has no libmagic',

  security: PROCESS,
  coredump: PROCESS,
  'run-as': PROCESS,
  'pid-file': PROCESS,
  'daemon-directory': PROCESS,
  umask: PROCESS,
  'unix-command': PROCESS,
  'sensor-name': PROCESS,
  'host-mode': 'vpatch protects the host that it runs on, or with the hook forward what is behind it',

  'engine-analysis': 'see vpatch rules check, show and stats',
  profiling: 'see vpatch rules profile',
  legacy: 'uricontent is read as in Suricata',
  pcre: "the limits of Suricata's own file are used",
  detect: WORK,
  'detect-engine': WORK,
  'mpm-algo': WORK,
  'spm-algo': WORK,
  threading: WORK,
  luajit: 'vpatch runs no scripts',
  runmode: WORK,
  'autofp-scheduler': WORK,
  'max-pending-packets': 'queue.length bounds what waits',
  'default-packet-size': WORK,
  'multi-detect': 'all traffic is inspected by the same rules',

  'host-os-policy': 'what comes first counts, and data that differs from it is dropped',
  vlan: 'connections are told apart by their addresses and ports',
  livedev: 'connections are told apart by their addresses and ports',
  decoder: 'tunnels are found on the ports of vars.port-groups, and tunnel.max-depth bounds them',
  host: 'what is remembered of hosts has a fixed bound',
  ippair: 'what is remembered of hosts has a fixed bound',

  defrag: 'memory, number and age of incomplete packets bound it',
  'defrag.memcap-policy': 'a fragment for which there is no room drops',
  flow: 'the caps of flow bound it (flow.max-tcp and the others)',
  'flow.memcap-policy': 'at the caps of flow new connections drop',
  'flow-timeouts': 'vpatch tells no such state apart',
  'flow-timeouts.*.emergency-new': FLOODS,
  'flow-timeouts.*.emergency-established': FLOODS,
  'flow-timeouts.*.emergency-closed': FLOODS,
  'flow-timeouts.*.emergency-bypassed': FLOODS,
  'flow-timeouts.*.bypassed': 'bypassed connections are forgotten like others',

  stream: 'vpatch bounds and checks this by itself',
  'stream.memcap': 'flow.max-tcp bounds the sessions',
  'stream.checksum-validation': 'live the kernel says which checksums hold; a replay has --checksums',
  'stream.inline': 'streams are always inspected before they are delivered',
  'stream.bypass': 'connections that no rule needs are bypassed anyway (`bypass` in the configuration)',
  'stream.reassembly': STREAMS,
  'stream.reassembly.check-overlap-different-data': 'data that differs from what came before is always dropped',
  'stream.reassembly.urgent': 'urgent data is read as the kernel reads it',
};

/** For the key of a part from which nothing was taken. */
export function whyLeftOut(key: string): string {
  const path = key.split('.');
  let best = 'vpatch has no such setting';
  let bestSteps = 0;
  for (const [pattern, reason] of Object.entries(REASONS)) {
    const steps = pattern.split('.');
    if (steps.length <= bestSteps || steps.length > path.length) continue;
    if (!steps.every((step, i) => step === '*' || step === path[i])) continue;
    best = reason;
    bestSteps = steps.length;
  }
  return best;
}
