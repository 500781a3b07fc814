import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { FlowTimeouts } from '../../flow/timeouts.ts';
import { DATASET_TYPES, type DatasetDefinition } from '../../rules/dataset.ts';
import type { EncryptedBypass, FailureMode, MidstreamPolicy, OrderedAction } from '../config.ts';
import type { Overrides } from '../overrides.ts';
import type { ConfigProblem } from '../problem.ts';
import { expandRuleFiles } from '../rule-files.ts';
import { YamlFile } from '../yaml-file.ts';
import { whyLeftOut } from './left-out.ts';
import { SettingsReader } from './settings-reader.ts';

/** What an existing suricata.yaml says that means something here. */
export interface SuricataSettings {
  readonly overrides: Overrides;
  readonly problems: readonly ConfigProblem[];
  /** One line for each part of the file that was not taken over, with the reason. */
  readonly notes: readonly string[];
}

/** Suricata stops following `include:` somewhere too; a chain this long is a circle. */
const MAX_INCLUDED_FILES = 32;

/**
 * Reads a suricata.yaml with the files that it includes, later ones over earlier ones as Suricata does. What vpatch
 * has no use for is no problem, but is named; a value of the wrong form is a problem. `skipRules`: the rule files
 * come from elsewhere.
 */
export function readSuricataYaml(file: string, directory: string, skipRules = false): SuricataSettings {
  const problems: ConfigProblem[] = [];
  const notes: string[] = [];
  const found: Found = {};
  const queue = [file];
  for (let i = 0; i < queue.length; i++) {
    if (i === MAX_INCLUDED_FILES) {
      problems.push({ file, line: 0, column: 0, key: 'include', message: `more than ${MAX_INCLUDED_FILES} files` });
      break;
    }
    const yaml = YamlFile.read(resolve(directory, queue[i]!), queue[i]!, '1.1');
    problems.push(...yaml.problems);
    if (yaml.problems.length > 0) continue;
    const reader = new SettingsReader(yaml, problems);
    // Suricata's relative names count from the folder in which its suricata.yaml lies.
    const folder = dirname(queue[i]!);
    queue.push(
      ...reader.strings(['include']).map((included) => (isAbsolute(included) ? included : join(folder, included))),
    );
    readInto(found, reader, resolve(directory, folder));
    notes.push(...reader.leftOver().map((key) => `${yaml.file}: ${key}: not taken over: ${whyLeftOut(key)}`));
  }
  return { overrides: toOverrides(found, skipRules, problems), problems, notes };
}

interface Found {
  addresses?: Record<string, string>;
  ports?: Record<string, string>;
  rulePath?: string;
  ruleFiles?: { yaml: YamlFile; folder: string; pattern: string; at: number }[];
  classificationFile?: string;
  referenceFile?: string;
  dataFolder?: string;
  datasets?: Readonly<Record<string, DatasetDefinition>>;
  geoipDatabaseFile?: string;
  reputationCategoriesFile?: string;
  reputationFiles?: readonly string[];
  thresholdFile?: string;
  maxAlertsPerPacket?: number;
  actionOrder?: readonly OrderedAction[];
  midstream?: boolean;
  midstreamPolicy?: string;
  dropsInvalid?: boolean;
  isOneSided?: boolean;
  memoryBytes?: number;
  depthBytes?: number;
  requestBodyBytes?: number;
  responseBodyBytes?: number;
  encryptionHandling?: keyof typeof ENCRYPTION_HANDLINGS;
  exceptionPolicy?: string;
  /** Of single situations, which count more than the one for all. */
  limitPolicies?: Record<string, string>;
  failOpen?: boolean;
  timeouts?: Partial<FlowTimeouts>;
  fragmentMemoryBytes?: number;
  fragmentTimeoutSeconds?: number;
  maxDatagrams?: number;
}

/** What vpatch decides by one setting, `failure.limits`. */
const LIMIT_POLICIES = [
  ['stream', 'memcap-policy'],
  ['stream', 'reassembly', 'memcap-policy'],
  ['app-layer', 'error-policy'],
] as const;

/**
 * `full` goes on as before the handshake; the others look for nothing behind it. Whether what they leave is bypassed,
 * `bypass.enabled` says.
 */
const ENCRYPTION_HANDLINGS = { default: 'early', bypass: 'early', full: 'late' } as const satisfies Record<
  string,
  EncryptedBypass
>;

const LIBHTP = ['app-layer', 'protocols', 'http', 'libhtp', 'default-config'];
const FLOW_TIMEOUTS: readonly (readonly [keyof FlowTimeouts, string, string])[] = [
  ['tcpNewMs', 'tcp', 'new'],
  ['tcpEstablishedMs', 'tcp', 'established'],
  ['tcpClosedMs', 'tcp', 'closed'],
  ['udpNewMs', 'udp', 'new'],
  ['udpRepliedMs', 'udp', 'established'],
  ['icmpMs', 'icmp', 'new'],
  ['otherMs', 'default', 'new'],
];

function readInto(found: Found, reader: SettingsReader, folder: string): void {
  const absolute = (path: string): string => resolve(folder, path);
  const set = <K extends keyof Found>(key: K, value: Found[K] | undefined): void => {
    if (value !== undefined) found[key] = value;
  };

  found.addresses = { ...found.addresses, ...reader.variables(['vars', 'address-groups']) };
  found.ports = { ...found.ports, ...reader.variables(['vars', 'port-groups']) };
  set('rulePath', reader.text(['default-rule-path'], absolute));
  const ruleFiles = reader.strings(['rule-files']);
  if (ruleFiles.length > 0) {
    found.ruleFiles = ruleFiles.map((pattern, at) => ({ yaml: reader.yaml, folder, pattern, at }));
  }
  set('classificationFile', reader.text(['classification-file'], absolute));
  set('referenceFile', reader.text(['reference-config-file'], absolute));
  set('dataFolder', reader.text(['default-data-dir'], absolute));
  const datasets = readDatasets(reader, found.dataFolder ?? folder);
  if (datasets !== null) found.datasets = { ...found.datasets, ...datasets };
  set('geoipDatabaseFile', reader.text(['geoip-database'], absolute));
  set('reputationCategoriesFile', reader.text(['reputation-categories-file'], absolute));
  const reputationPath = reader.text(['default-reputation-path'], absolute) ?? folder;
  const reputationFiles = reader.strings(['reputation-files']);
  if (reputationFiles.length > 0) found.reputationFiles = reputationFiles.map((file) => resolve(reputationPath, file));
  set('thresholdFile', reader.text(['threshold-file'], absolute));
  set('maxAlertsPerPacket', reader.whole(['packet-alert-max']) || undefined);
  set('actionOrder', reader.actionOrder(['action-order']));
  set('fragmentMemoryBytes', reader.size(['defrag', 'memcap']));
  set('fragmentTimeoutSeconds', reader.positive(['defrag', 'timeout']));
  set('maxDatagrams', reader.positive(['defrag', 'trackers']));
  set('midstream', reader.flag(['stream', 'midstream']));
  set('dropsInvalid', reader.flag(['stream', 'drop-invalid']));
  set('isOneSided', reader.flag(['stream', 'async-oneside']));
  set(
    'midstreamPolicy',
    reader.text(['stream', 'midstream-policy'], (policy) => policy),
  );
  set('memoryBytes', reader.size(['stream', 'reassembly', 'memcap']));
  set('depthBytes', unlimitedIfZero(reader.size(['stream', 'reassembly', 'depth'])));
  set('requestBodyBytes', unlimitedIfZero(reader.size([...LIBHTP, 'request-body-limit'])));
  set('responseBodyBytes', unlimitedIfZero(reader.size([...LIBHTP, 'response-body-limit'])));
  const handlings = Object.keys(ENCRYPTION_HANDLINGS) as (keyof typeof ENCRYPTION_HANDLINGS)[];
  set('encryptionHandling', reader.oneOf(['app-layer', 'protocols', 'tls', 'encryption-handling'], handlings));
  set(
    'exceptionPolicy',
    reader.text(['exception-policy'], (policy) => policy),
  );
  for (const path of LIMIT_POLICIES) {
    const policy = reader.text(path, (text) => text);
    if (policy !== undefined) found.limitPolicies = { ...found.limitPolicies, [path.join('.')]: policy };
  }
  set('failOpen', reader.flag(['nfq', 'fail-open']));
  for (const [field, protocol, state] of FLOW_TIMEOUTS) {
    const seconds = reader.whole(['flow-timeouts', protocol, state]);
    if (seconds !== undefined) found.timeouts = { ...found.timeouts, [field]: seconds * 1000 };
  }
}

/** Keys of `datasets` that are no sets. */
const DATASET_SETTINGS: readonly string[] = ['defaults', 'limits', 'rules'];

/**
 * What is loaded lies in Suricata's data folder; what is kept begins with what lies there. Null: none are described.
 */
function readDatasets(reader: SettingsReader, folder: string): Record<string, DatasetDefinition> | null {
  const names = reader.keys(['datasets']).filter((name) => !DATASET_SETTINGS.includes(name));
  const described = names.flatMap((name): [string, DatasetDefinition][] => {
    const load = reader.text(['datasets', name, 'load'], (path) => resolve(folder, path)) ?? null;
    const state = reader.text(['datasets', name, 'state'], (path) => (isKeepable(path) ? path : undefined)) ?? null;
    const memoryBytes = reader.size(['datasets', name, 'memcap']) ?? null;
    const type = reader.oneOf(['datasets', name, 'type'], DATASET_TYPES);
    return type === undefined ? [] : [[name, { type, load, state, memoryBytes }]];
  });
  return described.length === 0 ? null : Object.fromEntries(described);
}

const isKeepable = (path: string): boolean => !isAbsolute(path) && !path.split('/').includes('..');

/** Suricata writes "no limit" as 0. */
const unlimitedIfZero = (bytes: number | undefined): number | undefined =>
  bytes === 0 ? Number.MAX_SAFE_INTEGER : bytes;

function toOverrides(found: Found, skipRules: boolean, problems: ConfigProblem[]): Overrides {
  const files = skipRules ? [] : ruleFiles(found, problems);
  const limits = limitsOf(found);
  const { fragmentMemoryBytes, fragmentTimeoutSeconds, maxDatagrams } = found;
  const { requestBodyBytes, responseBodyBytes, memoryBytes, depthBytes, midstream } = found;
  const unknownPolicy = found.midstreamPolicy ?? found.exceptionPolicy;
  const midstreamPolicy = midstreamPolicyOf(unknownPolicy);
  const passesStrayEnds = unknownPolicy === 'bypass' || found.dropsInvalid === false;
  return {
    rules: {
      ...(files.length > 0 && { files }),
      ...(found.classificationFile !== undefined && { classificationFile: found.classificationFile }),
      ...(found.referenceFile !== undefined && { referenceFile: found.referenceFile }),
      ...(found.dataFolder !== undefined && { dataFolder: found.dataFolder }),
      ...(found.datasets !== undefined && { datasets: found.datasets }),
      ...(found.geoipDatabaseFile !== undefined && { geoipDatabaseFile: found.geoipDatabaseFile }),
      ...(found.reputationCategoriesFile !== undefined && { reputationCategoriesFile: found.reputationCategoriesFile }),
      ...(found.reputationFiles !== undefined && { reputationFiles: found.reputationFiles }),
      ...(found.thresholdFile !== undefined && { thresholdFile: found.thresholdFile }),
      ...(found.maxAlertsPerPacket !== undefined && { maxAlertsPerPacket: found.maxAlertsPerPacket }),
      ...(found.actionOrder !== undefined && { actionOrder: found.actionOrder }),
    },
    variables: { addresses: found.addresses ?? {}, ports: found.ports ?? {} },
    defrag: {
      ...(fragmentMemoryBytes !== undefined && { memoryBytes: fragmentMemoryBytes }),
      ...(fragmentTimeoutSeconds !== undefined && { timeoutMs: fragmentTimeoutSeconds * 1000 }),
      ...(maxDatagrams !== undefined && { maxDatagrams }),
    },
    stream: {
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...(depthBytes !== undefined && { depthBytes }),
      ...(midstream !== undefined && { midstream }),
      ...(midstreamPolicy !== undefined && { midstreamPolicy }),
      ...(passesStrayEnds && { strayEnds: 'pass' as const }),
      ...(found.isOneSided !== undefined && { isOneSided: found.isOneSided }),
    },
    http: {
      ...(requestBodyBytes !== undefined && { requestBodyBytes }),
      ...(responseBodyBytes !== undefined && { responseBodyBytes }),
    },
    bypass: {
      ...(found.encryptionHandling !== undefined && { encrypted: ENCRYPTION_HANDLINGS[found.encryptionHandling] }),
    },
    timeouts: found.timeouts ?? {},
    failure: {
      ...(limits !== null && { limits }),
      ...(found.failOpen !== undefined && { engine: found.failOpen ? ('open' as const) : ('closed' as const) }),
    },
  };
}

/** Of several that differ, the stricter: there is one setting for all. Null: nothing is said. */
function limitsOf({ exceptionPolicy = 'auto', limitPolicies = {} }: Found): FailureMode | null {
  const policies = [exceptionPolicy, ...Object.values(limitPolicies)];
  if (policies.some((policy) => /^(?:drop-|reject)/.test(policy))) return 'closed';
  return policies.some((policy) => /^(?:pass-|bypass|ignore)/.test(policy)) ? 'open' : null;
}

function midstreamPolicyOf(policy: string | undefined): MidstreamPolicy | undefined {
  if (policy === undefined || policy === 'auto') return undefined;
  if (policy === 'ignore') return 'ignore';
  return policy.startsWith('pass') || policy === 'bypass' ? 'pass' : 'drop';
}

function ruleFiles(found: Found, problems: ConfigProblem[]): string[] {
  return (found.ruleFiles ?? []).flatMap(({ yaml, folder, pattern, at }) => {
    const directory = found.rulePath ?? folder;
    const expanded = expandRuleFiles(pattern, directory);
    if ('files' in expanded) return expanded.files;
    const message = `no rule file ${resolve(directory, pattern)}; give other rules with -S, or remove it from the list`;
    problems.push(yaml.keyProblem(['rule-files', at], message));
    return [];
  });
}
