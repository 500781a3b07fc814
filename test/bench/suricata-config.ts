import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';

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
      'port-groups': overridden(PORT_GROUPS, variables),
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

/** HOME_NET is for the caller to say. */
const ADDRESS_GROUPS = {
  HOME_NET: 'any',
  EXTERNAL_NET: '!$HOME_NET',
  ...Object.fromEntries(
    [
      ...['HTTP_SERVERS', 'SMTP_SERVERS', 'SQL_SERVERS', 'DNS_SERVERS', 'TELNET_SERVERS', 'DC_SERVERS', 'DNP3_SERVER'],
      ...['DNP3_CLIENT', 'MODBUS_CLIENT', 'MODBUS_SERVER', 'ENIP_CLIENT', 'ENIP_SERVER', 'AIM_SERVERS'],
    ].map((name) => [name, '$HOME_NET']),
  ),
};

/** Suricata's own defaults. */
const PORT_GROUPS = {
  HTTP_PORTS: '80',
  SHELLCODE_PORTS: '!80',
  ORACLE_PORTS: '1521',
  SSH_PORTS: '22',
  DNP3_PORTS: '20000',
  MODBUS_PORTS: '502',
  FILE_DATA_PORTS: '[$HTTP_PORTS,110,143]',
  FTP_PORTS: '21',
  GENEVE_PORTS: '6081',
  VXLAN_PORTS: '4789',
  TEREDO_PORTS: '3544',
};

const overridden = (group: Readonly<Record<string, string>>, variables: Readonly<Record<string, string>>): object =>
  Object.fromEntries(Object.entries(group).map(([name, value]) => [name, variables[name] ?? value]));
