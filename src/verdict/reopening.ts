import { TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { FLOW_FLAG } from '../flow/flags.ts';
import type { FlowTable } from '../flow/table.ts';
import { TIMEOUT_CLASS, type TimeoutClass } from '../flow/timeouts.ts';
import { TCP_STATE } from '../stream/session.ts';
import type { TcpTracker } from '../stream/tracker.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';
import { TCP_FLAG } from '../wire/tcp.ts';

/** Those that say what a segment without data is. */
const CONTROL = TCP_FLAG.fin | TCP_FLAG.syn | TCP_FLAG.rst | TCP_FLAG.ack;
const CONDEMNED = FLOW_FLAG.condemned | FLOW_FLAG.rejected | FLOW_FLAG.broken;

/**
 * New connections between the ports of a condemned one: clients behind one address have the same ports in turn.
 *
 * A SYN with another number begins a new flow, which stays condemned until the server has answered that SYN: only then
 * is the old connection over for it. Up to then, what passes is what makes a server that still holds the old connection
 * give it up (RFC 5961 §4: it answers with an ACK, and the client with a RST), and nothing that has data.
 */
export class Reopening {
  readonly #flows: FlowTable;
  readonly #streams: TcpTracker;
  /** Of the packet in hand: for how long its flow is remembered as condemned. */
  #timeoutClass: TimeoutClass = TIMEOUT_CLASS.tcpNew;

  constructor(flows: FlowTable, streams: TcpTracker) {
    this.#flows = flows;
    this.#streams = streams;
  }

  /** Is this packet of a condemned flow inspected like one of a connection that begins? Otherwise it drops. */
  admits(packet: Packet): boolean {
    if (packet.protocol !== IP_PROTOCOL.tcp || packet.payloadBytes > 0 || packet.hasBadChecksum) return false;
    const { flow } = packet;
    const isReopening = (this.#flows.flags[flow]! & FLOW_FLAG.reopening) !== 0;
    this.#timeoutClass = this.#flows.timeoutClass(flow);
    switch (packet.tcpFlags & CONTROL) {
      case TCP_FLAG.syn:
        return isReopening || this.#begin(packet);
      case TCP_FLAG.syn | TCP_FLAG.ack:
      case TCP_FLAG.rst:
      case TCP_FLAG.rst | TCP_FLAG.ack:
        return isReopening;
      case TCP_FLAG.ack:
        return isReopening && packet.direction === TO_CLIENT;
      default:
        return false;
    }
  }

  /** The packet, which was let in, was tracked. */
  settle({ flow }: Packet): void {
    const { flags } = this.#flows;
    if (this.#streams.state(flow) === TCP_STATE.synSent) {
      this.#flows.setTimeoutClass(flow, this.#timeoutClass);
      return;
    }
    flags[flow] = flags[flow]! & ~(CONDEMNED | FLOW_FLAG.reopening);
    if (!this.#streams.isEstablished(flow)) this.#flows.setTimeoutClass(flow, TIMEOUT_CLASS.tcpNew);
  }

  /** False: it is the SYN of the condemned connection once more. */
  #begin(packet: Packet): boolean {
    const { flow } = packet;
    const { flags } = this.#flows;
    if (this.#streams.isSynOf(packet)) return false;
    const condemned = flags[flow]! & CONDEMNED;
    this.#flows.restart(flow, packet, TO_SERVER);
    flags[flow] = condemned | FLOW_FLAG.reopening;
    return true;
  }
}
