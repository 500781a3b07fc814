import { deepFreeze } from '../base/deep-freeze.ts';
import { DEFAULT_DEFRAG_OPTIONS, type DefragOptions } from '../defrag/options.ts';
import { DEFAULT_FLOW_CAPS, type FlowCaps } from '../flow/options.ts';
import { DEFAULT_FLOW_TIMEOUTS, type FlowTimeouts } from '../flow/timeouts.ts';
import type { FoldingSettings } from '../output/event-folder.ts';
import type { EventTypes } from '../output/event-types.ts';
import type { RecordSettings } from '../output/records.ts';
import type { SyslogFacility, SyslogFormat } from '../output/syslog.ts';
import type { DatasetDefinition } from '../rules/dataset.ts';
import { DEFAULT_VARIABLES } from '../rules/environment.ts';
import type { RuleVariables } from '../rules/header-sets.ts';
import type { CheckAction, CheckSettings } from '../verdict/checks.ts';
import type { Mode } from '../verdict/judge.ts';
import type { NotifySettings } from './notify-settings.ts';

export type { Mode };
export const MODES = ['detect', 'prevent'] as const satisfies readonly Mode[];

export const CHECK_POLICIES = ['drop', 'report', 'off'] as const satisfies readonly CheckSettings['policy'][];
export const CHECK_ACTIONS = ['drop', 'report', 'ignore'] as const satisfies readonly CheckAction[];

/** What becomes of traffic that cannot be inspected: `open` lets it pass, `closed` drops it. */
export const FAILURE_MODES = ['open', 'closed'] as const;
export type FailureMode = (typeof FAILURE_MODES)[number];

export type Midstream = boolean | 'auto';

/** `ignore`: they are inspected as far as they can be. `pass`: no rule looks at them. `drop`: they drop. */
export const MIDSTREAM_POLICIES = ['auto', 'ignore', 'pass', 'drop'] as const;
export type MidstreamPolicy = (typeof MIDSTREAM_POLICIES)[number];
export const STRAY_END_POLICIES = ['auto', 'pass', 'drop'] as const;

export const HOOKS = ['input', 'output', 'forward'] as const;
export type Hook = (typeof HOOKS)[number];

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Beside the rules of files: none, or those that the scan has assigned. */
export const RULE_POLICIES = ['none', 'recommended'] as const;
export type RulePolicy = (typeof RULE_POLICIES)[number];

export const ORDERED_ACTIONS = ['pass', 'drop', 'reject', 'alert'] as const;
export type OrderedAction = (typeof ORDERED_ACTIONS)[number];

/** Where rules come from: an address, or a file or folder of this machine. */
export interface RuleSource {
  /** Of its folder, too. */
  readonly name: string;
  readonly url: string | null;
  /** Absolute. */
  readonly path: string | null;
  /** A digest in hexadecimal, or the address of a file that has one; null: none is compared. */
  readonly checksum: string | null;
  /** `Name: value`, sent to the server of `url`. */
  readonly header: string | null;
}

/** Of this host: an IPv4 or IPv6 address without brackets, and a TCP port. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * `addresses`: all packets between two hosts meet in one queue. `ports`: those of each connection do, so that many from
 * one client, or one proxy, share the queues.
 */
export const BALANCES = ['addresses', 'ports'] as const;
export type Balance = (typeof BALANCES)[number];

/**
 * What becomes of rules behind the handshake of an encrypted connection. `early`: those that look for content are not
 * held against it, and it is bypassed unless a rule asks for something else. `late`: they are, and it is bypassed when
 * none would be any more.
 */
export const ENCRYPTED_BYPASSES = ['early', 'late'] as const;
export type EncryptedBypass = (typeof ENCRYPTED_BYPASSES)[number];

/** How many patches a scan assigns. Each has what the one before it has. */
export const SCAN_PRESETS = ['performance', 'balanced', 'security'] as const;
export type ScanPreset = (typeof SCAN_PRESETS)[number];

/** Everything that a user can decide. Frozen; a reload makes a new one. */
export interface Config {
  readonly mode: Mode;
  readonly rules: {
    /** Absolute paths, in the order in which they are loaded. */
    readonly files: readonly string[];
    /** Which rules are in force, and what is changed about them, in suricata-update's formats. */
    readonly disableFile: string | null;
    readonly enableFile: string | null;
    readonly dropFile: string | null;
    readonly modifyFile: string | null;
    /** Where disable.conf, enable.conf, drop.conf and modify.conf are looked for that are not named. */
    readonly listsFolder: string | null;
    /** What `vpatch rules update` fetches; what it fetched last is loaded behind `files`. */
    readonly sources: readonly RuleSource[];
    /** Where compiled patterns are kept for the next start. */
    readonly cacheFolder: string;
    /** Files of the sources that are left out, by their names; `*`, `?` and `[...]` stand for characters. */
    readonly ignoredFiles: readonly string[];
    readonly policy: RulePolicy;
    /**
     * What was fixed by `vpatch policy pin` holds. Not of rules that the command line names: they are taken as they
     * are.
     */
    readonly takesPins: boolean;
    readonly classificationFile: string | null;
    readonly referenceFile: string | null;
    /** Where files that rules name are looked for too, behind the folder of the rule's own file. */
    readonly dataFolder: string | null;
    /** Sets of values that rules need not describe, by name. */
    readonly datasets: Readonly<Record<string, DatasetDefinition>>;
    /** In MaxMind's format. Null: no rule can ask where an address is. */
    readonly geoipDatabaseFile: string | null;
    /** Null: no rule can ask for the reputation of an address. */
    readonly reputationCategoriesFile: string | null;
    /** Absolute paths; the later over the earlier. */
    readonly reputationFiles: readonly string[];
    /** A threshold.config of Suricata. */
    readonly thresholdFile: string | null;
    /** Of more rules that match one packet, the last are not reported. */
    readonly maxAlertsPerPacket: number;
    /** Which of several matching rules decides: the first of these. */
    readonly actionOrder: readonly OrderedAction[];
  };
  readonly scan: {
    readonly preset: ScanPreset;
    /** Absolute paths: rules that the scan may choose, by the CVEs that they name. */
    readonly candidates: readonly string[];
    /** What is pinned to soak blocks when so much has gone by without a match of it. */
    readonly soak: { readonly timeMs: number; readonly flows: number };
    /** When the running service scans. */
    readonly schedule: {
      /** As `parseRecurrence` reads it. Null: never. */
      readonly when: string | null;
      /** A name such as Europe/Berlin. Null: that of the system. */
      readonly timeZone: string | null;
      /** A date as 2024-01-01, from which every X days and every X weeks are counted. */
      readonly countedFrom: string;
      /** A run starts up to so much later, so that not all hosts scan at once. */
      readonly jitterMs: number;
      /** Whether a run that was missed is made as soon as possible. */
      readonly isCaughtUp: boolean;
      /** What takes longer is ended. */
      readonly timeLimitMs: number;
      /** Whether what is recommended is assigned too. */
      readonly isApplied: boolean;
    };
  };
  /** What `$NAME` stands for in rules, in the rules' own notation. */
  readonly variables: RuleVariables;
  readonly checks: CheckSettings;
  readonly flow: FlowCaps;
  readonly timeouts: FlowTimeouts;
  readonly defrag: DefragOptions;
  readonly tunnel: {
    /** Packets inside of packets are inspected so deep; one that goes deeper fails a check. */
    readonly maxDepth: number;
    /** Look into IPv4 packets in IPv4 packets. `auto`: in live traffic, and not in captures. */
    readonly isIpv4InIpv4Open: boolean | 'auto';
  };
  readonly stream: {
    /** Of all flows of one worker together. */
    readonly memoryBytes: number;
    /** Kept ahead of a gap, of one direction of one flow. */
    readonly maxOutOfOrderBytes: number;
    /** How far into a direction rules without a protocol buffer look. Protocol parsers follow the flow to its end. */
    readonly depthBytes: number;
    /** Follow connections whose beginning was not seen. `auto`: in live traffic, and not in captures. */
    readonly midstream: Midstream;
    /**
     * What becomes of such connections. `auto`: those that are not followed are a limit, as `failure.limits` has it.
     */
    readonly midstreamPolicy: MidstreamPolicy;
    /** FIN and RST of connections that are not followed. `auto`: they pass in live traffic, and drop in captures. */
    readonly strayEnds: (typeof STRAY_END_POLICIES)[number];
    /** Of some connections only one direction is seen. */
    readonly isOneSided: boolean;
  };
  readonly appLayer: {
    /** What the protocol parsers of one worker may hold together. */
    readonly memoryBytes: number;
  };
  readonly http: {
    /** Of one body; the rest is skipped and the next message is inspected again. */
    readonly requestBodyBytes: number;
    readonly responseBodyBytes: number;
    /** The start line and all header fields of one message. */
    readonly headerBytes: number;
    readonly maxSlashes: number;
  };
  readonly failure: {
    /** The engine cannot keep up, hangs or dies. */
    readonly engine: FailureMode;
    /** A stream or a parser reached one of its limits, in prevent mode. */
    readonly limits: FailureMode;
  };
  readonly queue: {
    /** Number of the first queue. */
    readonly start: number;
    /** Null: one for each processor but one, which is left to the services. */
    readonly count: number | null;
    /** By what the kernel chooses one of several. */
    readonly balance: Balance;
    readonly lengthPackets: number;
    /** The nice value of a worker's thread: -20 (first of all) to 19. */
    readonly priority: number;
    readonly hooks: readonly Hook[];
    /** Empty: every interface but loopback. */
    readonly interfaces: readonly string[];
    /** TCP ports of this host whose traffic is never inspected nor dropped. */
    readonly managementPorts: readonly number[];
    /** The bit of the packet mark that tells our firewall rules to reject a packet. Null: `reject` rules only drop. */
    readonly rejectMark: number | null;
  };
  /** Of `run`: connections that the kernel goes on with by itself, since no rule needs more of them. */
  readonly bypass: {
    /** `auto`: where the host tracks connections already. */
    readonly isEnabled: boolean | 'auto';
    readonly encrypted: EncryptedBypass;
    /** Connections from and to these meet no rule. */
    readonly trustedNetworks: readonly string[];
    /** The bit of packet and connection marks that tells our firewall rules so. */
    readonly mark: number;
  };
  /** Of `run` and `sniff`: events that come in numbers are counted instead of written one by one. */
  readonly events: FoldingSettings & { readonly isFolded: boolean };
  readonly outputs: {
    readonly eve: {
      /** Null: no events are written. `-` is standard output. */
      readonly file: string | null;
      /** What may wait for a slow disk or reader; lines beyond it are dropped and counted. */
      readonly bufferBytes: number;
      /** Between two `stats` events; 0 is never. */
      readonly statsIntervalMs: number;
    } & RecordSettings;
    /** Of `run`: events for the system's log. */
    readonly syslog: {
      /** Absolute. Null: none are sent. */
      readonly socket: string | null;
      readonly format: SyslogFormat;
      readonly facility: SyslogFacility;
      readonly types: EventTypes;
    };
    /** Of `run`: events as JSON lines for a program of this host. */
    readonly socket: {
      /** Absolute; `@name` is in the abstract namespace. Null: none are sent. */
      readonly path: string | null;
      readonly kind: 'stream' | 'datagram';
      readonly types: EventTypes;
    };
  };
  /** Of `run`: alerts and drops that are kept for queries. */
  readonly history: {
    /** `auto`: where the state folder is there at the start. */
    readonly isEnabled: boolean | 'auto';
    /** What is older is deleted. */
    readonly maxAgeMs: number;
    /** Of the database; the oldest makes room. */
    readonly maxBytes: number;
  };
  /** Of `run`: who is told, of what, and how often. */
  readonly notify: NotifySettings;
  readonly control: {
    /** Where `run` listens for the other commands; null: it does not. */
    readonly socket: string | null;
  };
  readonly metrics: {
    /** Where `run` answers Prometheus; null: it does not. */
    readonly listen: ListenAddress | null;
  };
  /** Absolute: what vpatch keeps over restarts. */
  readonly state: { readonly folder: string };
  readonly log: { readonly level: LogLevel };
}

const SECOND_MS = 1000;
const DAY_MS = 86_400 * SECOND_MS;
const KIB = 1024;
const MIB = 1024 * KIB;

/** Every default, once. `docs/vpatch.example.yaml` shows them, and a test compares the two. */
export const DEFAULTS: Config = deepFreeze({
  mode: 'detect',
  rules: {
    files: [],
    policy: 'none',
    takesPins: true,
    disableFile: null,
    enableFile: null,
    dropFile: null,
    modifyFile: null,
    listsFolder: null,
    sources: [],
    cacheFolder: '/var/cache/vpatch',
    // As suricata-update has it.
    ignoredFiles: ['*deleted.rules'],
    classificationFile: null,
    referenceFile: null,
    dataFolder: null,
    datasets: {},
    geoipDatabaseFile: null,
    reputationCategoriesFile: null,
    reputationFiles: [],
    thresholdFile: null,
    maxAlertsPerPacket: 15,
    actionOrder: ORDERED_ACTIONS,
  },
  scan: {
    preset: 'balanced',
    candidates: [],
    soak: { timeMs: 7 * 24 * 60 * 60 * SECOND_MS, flows: 10_000 },
    schedule: {
      when: null,
      timeZone: null,
      // A Monday.
      countedFrom: '2024-01-01',
      jitterMs: 0,
      isCaughtUp: true,
      // At low priority a scan can take long on a busy host.
      timeLimitMs: 30 * 60 * SECOND_MS,
      isApplied: true,
    },
  },
  variables: DEFAULT_VARIABLES,
  checks: { policy: 'drop', actions: {}, exceptions: [] },
  flow: DEFAULT_FLOW_CAPS,
  timeouts: DEFAULT_FLOW_TIMEOUTS,
  defrag: DEFAULT_DEFRAG_OPTIONS,
  tunnel: { maxDepth: 2, isIpv4InIpv4Open: 'auto' },
  stream: {
    memoryBytes: 64 * MIB,
    maxOutOfOrderBytes: 8 * MIB,
    depthBytes: MIB,
    midstream: 'auto',
    midstreamPolicy: 'auto',
    strayEnds: 'auto',
    isOneSided: false,
  },
  appLayer: { memoryBytes: 64 * MIB },
  http: { requestBodyBytes: 100 * KIB, responseBodyBytes: 100 * KIB, headerBytes: 64 * KIB, maxSlashes: 100 },
  failure: { engine: 'open', limits: 'closed' },
  queue: {
    start: 0,
    count: null,
    balance: 'addresses',
    lengthPackets: 4096,
    priority: -5,
    hooks: ['input', 'output'],
    interfaces: [],
    managementPorts: [],
    rejectMark: 0x20000000,
  },
  bypass: { isEnabled: 'auto', encrypted: 'early', trustedNetworks: [], mark: 0x10000000 },
  // 100 is Deep Security's "Maximum Events Per Second". The others are ours: what people read stays as it is.
  events: { isFolded: true, singleEvents: 10, periodMs: 10 * SECOND_MS, maxPerSecond: 100 },
  outputs: {
    eve: { file: null, bufferBytes: 8 * MIB, statsIntervalMs: 60 * SECOND_MS, records: [], fileHashes: [] },
    syslog: { socket: null, format: 'local', facility: 'local5', types: ['alert', 'drop', 'anomaly'] },
    socket: { path: null, kind: 'stream', types: 'all' },
  },
  history: { isEnabled: 'auto', maxAgeMs: 30 * DAY_MS, maxBytes: 128 * MIB },
  notify: {
    kinds: ['blocks', 'scan', 'failures'],
    leastSevere: 2,
    digestMs: 5 * 60 * SECOND_MS,
    maxPerHour: 12,
    retries: 8,
    maxWaiting: 50,
    mail: null,
    webhook: null,
  },
  control: { socket: '/run/vpatch/control.sock' },
  metrics: { listen: null },
  state: { folder: '/var/lib/vpatch' },
  log: { level: 'info' },
} satisfies Config);
