import { constants } from 'node:os';
import { z } from 'zod';
import { parseAddressRange } from '../base/address-range.ts';
import { DATASET_TYPES } from '../rules/dataset.ts';
import { nearestName } from '../rules/nearest-name.ts';
import { CHECKS, checkNamed } from '../verdict/checks.ts';
import {
  BALANCES,
  CHECK_ACTIONS,
  CHECK_POLICIES,
  type Config,
  ENCRYPTED_BYPASSES,
  FAILURE_MODES,
  HOOKS,
  type ListenAddress,
  LOG_LEVELS,
  MIDSTREAM_POLICIES,
  MODES,
  ORDERED_ACTIONS,
  RULE_POLICIES,
  SCAN_PRESETS,
  STRAY_END_POLICIES,
} from './config.ts';
import { parseListenAddress } from './listen-address.ts';
import { notifySchema } from './notify-schema.ts';
import { outputsSchema } from './outputs-schema.ts';
import type { Overrides } from './overrides.ts';
import { scheduleSchema } from './schedule-schema.ts';
import {
  allOr,
  alternatives,
  distinct,
  duration,
  expecting,
  flag,
  flagOr,
  key,
  keysOfSection,
  list,
  named,
  oneOf,
  section,
  size,
  text,
  variableName,
  whole,
  wholeOr,
} from './schema-parts.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const { PRIORITY_HIGHEST, PRIORITY_LOW } = constants.priority;
/** Ports and queue numbers have 16 bits. */
const MAX_U16 = 0xffff;
/** Slots are numbered in 32-bit columns; four million flows are far beyond what one host holds. */
const MAX_FLOWS = 4_000_000;
/** More in a second than a disk takes. */
const MAX_EVENTS = 1_000_000;
/** An identification has 16 bits, and there is one for each pair of hosts and protocol. */
const MAX_DATAGRAMS = 1_000_000;
/** Suricata's limit for all layers of one packet, tunnels among them. */
const MAX_TUNNEL_DEPTH = 16;
/** Two workers for each processor of a large server; more only cost memory. */
const MAX_QUEUES = 256;
/** Each worker has all sets. */
const MAX_DATASET_BYTES = 1024 * MIB;
/** What libpcre and Vectorscan take as one buffer, with room to spare. */
const MAX_MESSAGE_BYTES = 256 * MIB;
const MARK_BITS = Array.from({ length: 32 }, (_, bit) => 2 ** bit);
const INTERFACE_NAME = /^[^\s/]{1,15}$/;

const checkName = (): z.ZodType<string, string> =>
  z.string().refine((name) => checkNamed(name) !== null, { error: ({ input }) => noSuchCheck(String(input)) });

function noSuchCheck(name: string): string {
  const suggestion = nearestName(
    name,
    CHECKS.map((check) => check.name),
  );
  return `no check is called ${name}${suggestion === null ? '' : `; did you mean ${suggestion}?`}`;
}

const network = expecting('a network such as 10.0.0.0/8 or fd00::/8', (value) =>
  typeof value === 'string' && parseAddressRange(value) !== null ? value : undefined,
);

const checkException = section({
  networks: key('networks', list('networks such as 10.0.0.0/8', network)),
  checks: key('checks', allOr(list('names of checks, or all', checkName()))),
}).transform(({ networks = [], checks = 'all' }) => ({ networks, checks }));

const address = text('an address such as https://rules.example/rules.tar.gz', /^https?:\/\/[^\s/]/);

const datasetName = z.string().regex(/^[^\s,;"]{1,64}$/, { error: 'expected the name of a set, without blanks' });

const dataset = section({
  type: key('type', oneOf(DATASET_TYPES)),
  load: key('load', text('the path of a file')),
  state: key(
    'state',
    text('the name of a file below the state folder', /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))(?!(?:.*\/)?\.?$)/s),
  ),
  memory: key('memoryBytes', size(1, MAX_DATASET_BYTES)),
})
  .refine(({ type }) => type !== undefined, `expected a type: ${DATASET_TYPES.join(', ')}`)
  .transform(({ type = 'string', load = null, state = null, memoryBytes = null }) => ({
    type,
    load,
    state,
    memoryBytes,
  }));

const ruleSource = section({
  name: key('name', text('a name of letters, digits, ".", "_" and "-"', /^[A-Za-z0-9][\w.-]{0,63}$/)),
  url: key('url', address),
  path: key('path', text('the path of a folder, a tar file or a rule file')),
  checksum: key('checksum', text('a digest in hexadecimal, or an address', /^(?:[0-9a-f]{32,128}|https?:\/\/\S+)$/i)),
  header: key('header', text('a header such as "Authorization: secret"', /^[!-9;-~]+:[^\r\n]*$/)),
})
  .refine(({ name }) => name !== undefined, 'expected a name for the source')
  .refine(({ url, path }) => (url === undefined) !== (path === undefined), 'expected either "url" or "path"')
  .transform(({ name = '', url = null, path = null, checksum = null, header = null }) => ({
    name,
    url,
    path,
    checksum,
    header,
  }));

const managementPort = whole(1, MAX_U16);

/** A packet mark has 32 bits. */
const isMarkBit = (value: unknown): value is number => typeof value === 'number' && MARK_BITS.includes(value);
const markBit = expecting('one bit such as 0x20000000', (value) => (isMarkBit(value) ? value : undefined));
const markBitOrNone = expecting<number | null>('one bit such as 0x20000000, or none', (value) => {
  if (value === 'none') return null;
  return isMarkBit(value) ? value : undefined;
});

const listenAddress = expecting<ListenAddress | null>(
  'an address with a port such as 127.0.0.1:9469 or "[::1]:9469", a port of 127.0.0.1, or none',
  (value) => (value === 'none' ? null : parseListenAddress(value)),
);

/** The configuration file: which keys there are, what each may be, which field each sets. */
export const configSchema: z.ZodType<Overrides> = section({
  mode: key('mode', oneOf(MODES)),
  rules: key(
    'rules',
    section({
      files: key('files', list('rule files', text('the path of a rule file; *, ? and [] may stand for several'))),
      'disable-file': key('disableFile', text('the path of a disable.conf')),
      'enable-file': key('enableFile', text('the path of an enable.conf')),
      'drop-file': key('dropFile', text('the path of a drop.conf')),
      'modify-file': key('modifyFile', text('the path of a modify.conf')),
      'lists-folder': key('listsFolder', text('the path of a folder')),
      sources: key(
        'sources',
        list('blocks with "name" and "url" or "path"', ruleSource).refine(
          (sources) => new Set(sources.map(({ name }) => name)).size === sources.length,
          'expected the name of each of them once',
        ),
      ),
      'cache-folder': key('cacheFolder', text('the path of a folder')),
      ignore: key('ignoredFiles', list('names of files', text('a name, in which * stands for any characters'))),
      policy: key('policy', oneOf(RULE_POLICIES)),
      'classification-file': key('classificationFile', text('the path of a classification.config')),
      'reference-file': key('referenceFile', text('the path of a reference.config')),
      'data-folder': key('dataFolder', text('the path of a folder')),
      datasets: key('datasets', named(datasetName, dataset)),
      'geoip-database-file': key('geoipDatabaseFile', text("the path of a database in MaxMind's format")),
      'reputation-categories-file': key(
        'reputationCategoriesFile',
        text('the path of a file with reputation categories'),
      ),
      'reputation-files': key('reputationFiles', list('reputation lists', text('the path of a reputation list'))),
      'threshold-file': key('thresholdFile', text('the path of a threshold.config')),
      'max-alerts-per-packet': key('maxAlertsPerPacket', whole(1, MAX_U16)),
      'action-order': key('actionOrder', actionOrder()),
    }),
  ),
  scan: key(
    'scan',
    section({
      preset: key('preset', oneOf(SCAN_PRESETS)),
      candidates: key(
        'candidates',
        list('rule files', text('the path of a rule file; *, ? and [] may stand for several')),
      ),
      soak: key('soak', section({ time: key('timeMs', duration()), flows: key('flows', whole(0, MAX_FLOWS)) })),
      schedule: key('schedule', scheduleSchema),
    }),
  ),
  variables: key(
    'variables',
    section({
      addresses: key('addresses', named(variableName('HOME_NET'), text('addresses such as "[10.0.0.0/8,fd00::/8]"'))),
      ports: key(
        'ports',
        named(
          variableName('HTTP_PORTS'),
          // 80 and [80, 8080] are what a user of YAML writes for "80" and "[80,8080]".
          expecting('ports such as 80 or "[80,8000:8100]"', (value) =>
            typeof value === 'number' || (typeof value === 'string' && value !== '')
              ? String(value)
              : Array.isArray(value) && value.length > 0
                ? `[${value.join(',')}]`
                : undefined,
          ),
        ),
      ),
    }),
  ),
  checks: key(
    'checks',
    section({
      policy: key('policy', oneOf(CHECK_POLICIES)),
      actions: key('actions', named(checkName(), oneOf(CHECK_ACTIONS))),
      exceptions: key('exceptions', list('blocks with "networks" and "checks"', checkException)),
    }),
  ),
  flow: key(
    'flow',
    section({
      'max-tcp': key('maxTcpFlows', whole(1, MAX_FLOWS)),
      'max-udp': key('maxUdpFlows', whole(1, MAX_FLOWS)),
      'max-other': key('maxOtherFlows', whole(1, MAX_FLOWS)),
      'max-half-open': key('maxHalfOpenFlows', wholeOr('none', 1, MAX_FLOWS)),
      'max-per-source': key('maxFlowsPerSource', wholeOr('none', 1, MAX_FLOWS)),
      'max-half-open-per-source': key('maxHalfOpenPerSource', wholeOr('none', 1, MAX_FLOWS)),
    }),
  ),
  timeouts: key(
    'timeouts',
    section({
      'tcp-new': key('tcpNewMs', duration()),
      'tcp-untracked': key('tcpUntrackedMs', duration()),
      'tcp-established': key('tcpEstablishedMs', duration()),
      'tcp-silent': key('tcpSilentMs', duration()),
      'tcp-closing': key('tcpClosingMs', duration()),
      'tcp-closed': key('tcpClosedMs', duration()),
      'udp-new': key('udpNewMs', duration()),
      'udp-replied': key('udpRepliedMs', duration()),
      icmp: key('icmpMs', duration()),
      other: key('otherMs', duration()),
    }),
  ),
  defrag: key(
    'defrag',
    section({
      memory: key('memoryBytes', size(MIB, 64 * GIB)),
      'max-packets': key('maxDatagrams', whole(1, MAX_DATAGRAMS)),
      timeout: key('timeoutMs', duration()),
      'min-first': key('minFirstBytes', whole(0, MAX_U16)),
      'min-offset': key('minOffsetBytes', whole(0, MAX_U16)),
    }),
  ),
  tunnel: key(
    'tunnel',
    section({
      'max-depth': key('maxDepth', whole(0, MAX_TUNNEL_DEPTH)),
      'ipv4-in-ipv4': key('isIpv4InIpv4Open', flagOr('auto')),
    }),
  ),
  stream: key(
    'stream',
    section({
      memory: key('memoryBytes', size(MIB, 64 * GIB)),
      'max-out-of-order': key('maxOutOfOrderBytes', size(4 * KIB, GIB)),
      depth: key('depthBytes', size(KIB, GIB)),
      midstream: key('midstream', flagOr('auto')),
      'async-oneside': key('isOneSided', flag()),
      'midstream-policy': key('midstreamPolicy', oneOf(MIDSTREAM_POLICIES)),
      'stray-ends': key('strayEnds', oneOf(STRAY_END_POLICIES)),
    }),
  ),
  'app-layer': key('appLayer', section({ memory: key('memoryBytes', size(MIB, 64 * GIB)) })),
  http: key(
    'http',
    section({
      'request-body': key('requestBodyBytes', size(0, MAX_MESSAGE_BYTES)),
      'response-body': key('responseBodyBytes', size(0, MAX_MESSAGE_BYTES)),
      'max-header': key('headerBytes', size(KIB, 16 * MIB)),
      'max-slashes': key('maxSlashes', whole(1, MAX_U16)),
    }),
  ),
  failure: key(
    'failure',
    section({ engine: key('engine', oneOf(FAILURE_MODES)), limits: key('limits', oneOf(FAILURE_MODES)) }),
  ),
  queue: key(
    'queue',
    section({
      start: key('start', whole(0, MAX_U16)),
      count: key('count', wholeOr('auto', 1, MAX_QUEUES)),
      balance: key('balance', oneOf(BALANCES)),
      length: key('lengthPackets', whole(16, MAX_U16)),
      priority: key('priority', whole(PRIORITY_HIGHEST, PRIORITY_LOW)),
      hooks: key('hooks', distinct(list(alternatives(HOOKS), oneOf(HOOKS)))),
      interfaces: key('interfaces', list('interfaces', text('the name of an interface such as eth0', INTERFACE_NAME))),
      'management-ports': key('managementPorts', list('TCP ports', managementPort)),
      'reject-mark': key('rejectMark', markBitOrNone),
    }),
  ),
  bypass: key(
    'bypass',
    section({
      enabled: key('isEnabled', flagOr('auto')),
      encrypted: key('encrypted', oneOf(ENCRYPTED_BYPASSES)),
      'trusted-networks': key('trustedNetworks', list('networks such as 10.0.0.0/8', network)),
      mark: key('mark', markBit),
    }),
  ),
  events: key(
    'events',
    section({
      fold: key('isFolded', flag()),
      single: key('singleEvents', whole(1, MAX_EVENTS)),
      period: key('periodMs', duration()),
      'max-per-second': key('maxPerSecond', whole(1, MAX_EVENTS)),
    }),
  ),
  outputs: key('outputs', outputsSchema),
  history: key(
    'history',
    section({
      enabled: key('isEnabled', flagOr('auto')),
      'max-age': key('maxAgeMs', duration()),
      'max-size': key('maxBytes', size(MIB, 64 * GIB)),
    }),
  ),
  notify: key('notify', notifySchema),
  control: key(
    'control',
    section({
      socket: key(
        'socket',
        expecting<string | null>('the path of a Unix socket, or none', (value) =>
          value === 'none' ? null : typeof value === 'string' && value.startsWith('/') ? value : undefined,
        ),
      ),
    }),
  ),
  metrics: key('metrics', section({ listen: key('listen', listenAddress) })),
  state: key('state', section({ folder: key('folder', text('the path of a folder')) })),
  log: key('log', section({ level: key('level', oneOf(LOG_LEVELS)) })),
});

/** The keys that may stand in the block at `path`; empty where its keys are the user's own. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let schema: z.ZodType | undefined = configSchema;
  for (const step of path) schema = schema && keysOfSection.get(schema)?.[String(step)];
  if (schema === undefined && path.at(-2) === 'exceptions') return ['networks', 'checks'];
  if (schema === undefined && path.at(-2) === 'sources') return ['name', 'url', 'path', 'checksum', 'header'];
  return schema === undefined ? [] : Object.keys(keysOfSection.get(schema) ?? {});
}

function actionOrder(): z.ZodType<Config['rules']['actionOrder']> {
  return expecting(`each of ${ORDERED_ACTIONS.join(', ')} once`, (value) => {
    if (!Array.isArray(value) || value.length !== ORDERED_ACTIONS.length) return undefined;
    const actions = ORDERED_ACTIONS.filter((action) => value.includes(action));
    return actions.length === value.length ? (value as Config['rules']['actionOrder']) : undefined;
  });
}
