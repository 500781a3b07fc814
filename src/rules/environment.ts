import { type Classification, DEFAULT_CLASSIFICATIONS } from './classification.ts';
import type { Countries } from './countries.ts';
import type { DatasetDefinition } from './dataset.ts';
import type { BufferChoice } from './draft.ts';
import type { RuleVariables } from './header-sets.ts';
import { DEFAULT_REFERENCES } from './reference-config.ts';
import type { Reputation } from './reputation.ts';
import { NO_THRESHOLDS, type ThresholdConfig } from './threshold-config.ts';

/** What rules may refer to. */
export interface RuleEnvironment {
  readonly variables: RuleVariables;
  /** By classtype. */
  readonly classifications: ReadonlyMap<string, Classification>;
  /** Reference type to the prefix that makes its id a URL. */
  readonly references: ReadonlyMap<string, string>;
  /** Of addresses, by category; empty where none is configured. */
  readonly reputation: Reputation;
  /** Null: none are known. */
  readonly countries: Countries | null;
  /** What a threshold.config says of rules. */
  readonly thresholds: ThresholdConfig;
  /** The text of a file that a rule names, by the rule's file and that name; null: it cannot be read. */
  readonly fileText: (ruleFile: string, name: string) => string | null;
  /** The same of a file in which a set is kept: that of the state folder, else what lies beside the rule's file. */
  readonly keptText: (ruleFile: string, name: string) => string | null;
  /** Sets of values that rules need not describe, by name. */
  readonly datasets: Readonly<Record<string, DatasetDefinition>>;
  readonly buffers: readonly BufferChoice[];
  /** Application protocols that are really inspected, as rule headers spell them. */
  readonly knownAppProtocols: readonly string[];
}

export interface RuleEnvironmentOptions {
  /** Added to Suricata's defaults, which they replace where the name is the same. */
  readonly variables?: {
    readonly addresses?: Readonly<Record<string, string>>;
    readonly ports?: Readonly<Record<string, string>>;
  };
  readonly classifications?: ReadonlyMap<string, Classification>;
  readonly references?: ReadonlyMap<string, string>;
  readonly reputation?: Reputation;
  readonly countries?: Countries;
  readonly thresholds?: ThresholdConfig;
  readonly fileText?: (ruleFile: string, name: string) => string | null;
  readonly keptText?: (ruleFile: string, name: string) => string | null;
  readonly datasets?: Readonly<Record<string, DatasetDefinition>>;
  readonly buffers?: readonly BufferChoice[];
  /** Left out: the protocols of the buffers. */
  readonly knownAppProtocols?: readonly string[];
}

/** An environment with Suricata's defaults for whatever is left out. */
export function ruleEnvironment(options: RuleEnvironmentOptions = {}): RuleEnvironment {
  const buffers = options.buffers ?? [];
  return {
    variables: {
      addresses: { ...DEFAULT_VARIABLES.addresses, ...options.variables?.addresses },
      ports: { ...DEFAULT_VARIABLES.ports, ...options.variables?.ports },
    },
    classifications: options.classifications ?? DEFAULT_CLASSIFICATIONS,
    references: options.references ?? DEFAULT_REFERENCES,
    reputation: options.reputation ?? new Map(),
    countries: options.countries ?? null,
    thresholds: options.thresholds ?? NO_THRESHOLDS,
    fileText: options.fileText ?? (() => null),
    keptText: options.keptText ?? options.fileText ?? (() => null),
    datasets: options.datasets ?? {},
    buffers,
    knownAppProtocols: options.knownAppProtocols ?? [...new Set(buffers.map((choice) => choice.protocol))],
  };
}

/** Those of Suricata 7's stock suricata.yaml. */
export const DEFAULT_VARIABLES: RuleVariables = {
  addresses: {
    HOME_NET: '[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]',
    EXTERNAL_NET: '!$HOME_NET',
    HTTP_SERVERS: '$HOME_NET',
    SMTP_SERVERS: '$HOME_NET',
    SQL_SERVERS: '$HOME_NET',
    DNS_SERVERS: '$HOME_NET',
    TELNET_SERVERS: '$HOME_NET',
    AIM_SERVERS: '$EXTERNAL_NET',
    DC_SERVERS: '$HOME_NET',
    DNP3_SERVER: '$HOME_NET',
    DNP3_CLIENT: '$HOME_NET',
    MODBUS_CLIENT: '$HOME_NET',
    MODBUS_SERVER: '$HOME_NET',
    ENIP_CLIENT: '$HOME_NET',
    ENIP_SERVER: '$HOME_NET',
  },
  ports: {
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
  },
};
