import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { DEFAULT_VARIABLES } from '../../src/rules/environment.ts';

export interface SuricataConfigOptions {
  /** Absolute, patterns allowed. */
  readonly ruleFiles: readonly string[];
  /** `HOME_NET` and whatever else is not as in Suricata's own configuration. */
  readonly variables: Readonly<Record<string, string>>;
  /** For logs and events. */
  readonly folder: string;
  /** Where a package has put `classification.config` and the like. */
  readonly installedIn?: string;
}

/** Parsers that Suricata 7 has on by default; without a word on each it warns. */
const PROTOCOLS = ['dcerpc', 'ftp', 'http2', 'ikev2', 'imap', 'krb5', 'mqtt', 'nfs', 'ntp', 'quic', 'rdp', 'rfb'];
const MORE_PROTOCOLS = ['sip', 'smb', 'smtp', 'snmp', 'ssh', 'telnet', 'tftp', 'tls'];

/**
 * `suricata.yaml` for `suricata -q 0`: prevention on NFQUEUE, one worker, the same events as vpatch writes by default.
 * What is not named is Suricata's own default (User Guide of 7.0, "Suricata.yaml").
 */
export function suricataConfig(options: SuricataConfigOptions): string {
  const { ruleFiles, variables, folder, installedIn = '/etc/suricata' } = options;
  const lists = {
    'classification-file': 'classification.config',
    'reference-config-file': 'reference.config',
    'threshold-file': 'threshold.config',
  };
  const config = {
    vars: {
      'address-groups': overridden(ADDRESS_GROUPS, variables),
      'port-groups': overridden(ports, variables),
    },
    'default-log-dir': folder,
    stats: { enabled: false },
    outputs: [
      {
        'eve-log': {
          enabled: true,
          filetype: 'regular',
          filename: 'eve.json',
          types: ['alert', 'anomaly', { drop: { alerts: true, flows: 'all' } }],
        },
      },
    ],
    logging: { 'default-log-level': 'notice', outputs: [{ console: { enabled: true } }] },
    'app-layer': {
      protocols: {
        ...Object.fromEntries([...PROTOCOLS, ...MORE_PROTOCOLS].map((name) => [name, { enabled: true }])),
        dns: { tcp: { enabled: true }, udp: { enabled: true } },
        http: { enabled: true },
      },
    },
    runmode: 'workers',
    'max-pending-packets': 4096,
    nfq: { mode: 'accept', batchcount: 20, 'fail-open': true },
    stream: { inline: 'auto' },
    'default-rule-path': folder,
    'rule-files': ruleFiles,
    ...Object.fromEntries(
      Object.entries(lists)
        .map(([key, name]) => [key, join(installedIn, name)] as const)
        .filter(([, file]) => existsSync(file)),
    ),
  };
  // Suricata's own reader takes `yes` and `no` for switches, as YAML 1.1 has them.
  return `%YAML 1.1\n---\n${stringify(config, { version: '1.1', trueStr: 'yes', falseStr: 'no' })}`;
}

const { addresses, ports } = DEFAULT_VARIABLES;
/** HOME_NET is for the caller to say. */
const ADDRESS_GROUPS = { ...addresses, HOME_NET: 'any' };

const overridden = (group: Readonly<Record<string, string>>, variables: Readonly<Record<string, string>>): object =>
  Object.fromEntries(Object.entries(group).map(([name, value]) => [name, variables[name] ?? value]));
