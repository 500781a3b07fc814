import type { AppProtocol, Transaction } from '../app/protocol.ts';
import { parseAddressRange } from '../base/address-range.ts';
import { AddressSet } from '../base/address-set.ts';
import { QUESTION_MARK } from '../base/ascii.ts';
import { latin1 } from '../base/bytes.ts';
import { TO_SERVER } from '../base/direction.ts';
import type { Rule } from '../rules/rule.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';

/** Traffic that rules, or one always-on check, leave alone. What is null holds for anything; not all may be null. */
export interface Exception {
  readonly id: number;
  /** Of rules with gid 1. */
  readonly sid: number | null;
  /** The name of an always-on check; then neither `sid` nor `path` is set, and no rule is concerned. */
  readonly check: string | null;
  /** An address or a network, as events name it: `src_ip`, `dest_ip`. */
  readonly source: string | null;
  readonly destination: string | null;
  /** Of the server, of TCP or UDP. */
  readonly port: number | null;
  /** Of the HTTP request, normalised and without its query. A `*` at the end stands for anything. */
  readonly path: string | null;
  /** From then on (packets' time) it holds no more. */
  readonly untilMs: number | null;
  readonly reason: string | null;
}

/** Exceptions as they are asked about: only when a rule matches or a check fails. Nobody changes them. */
export class Exceptions {
  static readonly none = new Exceptions([]);
  readonly #ofRules: readonly Compiled[];
  readonly #ofChecks: readonly Compiled[];

  /** Throws RangeError for a network that is none. */
  constructor(exceptions: readonly Exception[]) {
    const compiled = exceptions.map(compile);
    this.#ofRules = compiled.filter(({ exception }) => exception.check === null);
    this.#ofChecks = compiled.filter(({ exception }) => exception.check !== null);
  }

  /** `transaction` and its protocol: what the rule matched in, null where that is a packet or a stream. */
  coversRule(rule: Rule, packet: Packet, transaction: Transaction | null, protocol: AppProtocol | null): boolean {
    for (const compiled of this.#ofRules) {
      const { sid, path } = compiled.exception;
      if (sid !== null && (sid !== rule.sid || rule.gid !== 1)) continue;
      if (!fitsPacket(compiled, packet)) continue;
      if (path === null || hasPath(path, transaction, protocol)) return true;
    }
    return false;
  }

  coversCheck(check: string, packet: Packet): boolean {
    for (const compiled of this.#ofChecks) {
      if (compiled.exception.check === check && fitsPacket(compiled, packet)) return true;
    }
    return false;
  }
}

interface Compiled {
  readonly exception: Exception;
  readonly source: AddressSet;
  readonly destination: AddressSet;
}

function compile(exception: Exception): Compiled {
  return { exception, source: networkOf(exception.source), destination: networkOf(exception.destination) };
}

function networkOf(text: string | null): AddressSet {
  if (text === null) return AddressSet.any;
  const range = parseAddressRange(text);
  if (range === null) throw new RangeError(`"${text}" is not a network`);
  return AddressSet.of([range]);
}

function fitsPacket({ exception, source, destination }: Compiled, packet: Packet): boolean {
  const { port, untilMs } = exception;
  if (untilMs !== null && packet.timeMs >= untilMs) return false;
  if (packet.ipVersion === 0) return source.isAny && destination.isAny && port === null;
  if (!source.contains(packet.ipVersion, packet.source)) return false;
  if (!destination.contains(packet.ipVersion, packet.destination)) return false;
  return port === null || port === serverPortOf(packet);
}

/** -1: it has no ports. */
function serverPortOf({ protocol, direction, sourcePort, destinationPort }: Packet): number {
  if (protocol !== IP_PROTOCOL.tcp && protocol !== IP_PROTOCOL.udp) return -1;
  return direction === TO_SERVER ? destinationPort : sourcePort;
}

function hasPath(wanted: string, transaction: Transaction | null, protocol: AppProtocol | null): boolean {
  if (transaction === null || protocol === null) return false;
  const uri = protocol.buffers.find(({ name }) => name === 'http.uri')?.read(transaction, TO_SERVER, 0) ?? null;
  if (uri === null) return false;
  const queryAt = uri.indexOf(QUESTION_MARK);
  const path = latin1(uri, 0, queryAt < 0 ? uri.length : queryAt);
  return wanted.endsWith('*') ? path.startsWith(wanted.slice(0, -1)) : path === wanted;
}
