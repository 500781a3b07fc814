import type { FailureMode } from '../../config/config.ts';

/** What the drill's processes say to each other. */
export const PAGE = 'a page of the drill\n';
/** Who asks for it is blocked, by the drill's own rule. */
export const ATTACK_PATH = '/vpatch-drill-attack';
const ATTACK_SID = 4_294_967_001;
const PAGE_SID = ATTACK_SID + 1;

/** Beside the rules of the configuration. */
export const ATTACK_RULE = `drop http any any -> any any (msg:"attack of the drill"; flow:established,to_server; http.uri; content:"${ATTACK_PATH}"; sid:${ATTACK_SID};)\n`;
/** An event for each request. */
export const PAGE_RULE = `alert http any any -> any any (msg:"page of the drill"; flow:established,to_server; http.method; content:"GET"; sid:${PAGE_SID};)\n`;
export const BROKEN_RULE = 'drop http any any -> any any (msg:"no rule"; this_is_no_keyword; sid:4294967003;)\n';

/** What the client is to do. */
export interface ClientSettings {
  readonly host: string;
  readonly port: number;
  /** At the same time, each one request after the other on a connection. */
  readonly clients: number;
  /** A request without an answer for so long has failed. */
  readonly limitMs: number;
}

/** What has become of requests and attacks since the client began. */
export interface Figures {
  readonly requests: number;
  readonly failed: number;
  /** The longest time without the answer to any request. */
  readonly outageMs: number;
  readonly attacks: number;
  /** Attacks that the server has answered. */
  readonly passed: number;
  /** The last ones that it has not. */
  readonly blockedInTurn: number;
}

/** What the engine is to do: the service as `run` has it, save for what would reach beyond the drill. */
export interface EngineSettings {
  /** Of the administrator. Left out: as for `run`. */
  readonly config?: string;
  readonly failure: FailureMode;
  /** Of the drill. Everything that the service writes is in it. */
  readonly folder: string;
  /** Rules of the drill beside those of the configuration. */
  readonly rulesFile: string;
  readonly eventsFile: string;
  readonly controlSocket: string;
  readonly interfaces: readonly string[];
  /** Null: as it is configured. */
  readonly queueLengthPackets: number | null;
  readonly eventBufferBytes: number | null;
}

/** Lines on the engine's standard input. */
export type EngineCommand = 'hang' | 'kill';
/** Worker environment data: an Int32 in shared memory, which is 1 while workers are to hang. */
export const HANG_SWITCH = 'vpatch-drill-hang';
