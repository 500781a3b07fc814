/** Bits of `FlowTable.flags`. The table clears them when a flow begins; who sets them is not its business. */
export const FLOW_FLAG = {
  condemned: 0x01,
  passed: 0x02,
  /** The kernel goes on with it. */
  bypassed: 0x04,
  alerted: 0x08,
  /** Condemned by a rule that rejects. */
  rejected: 0x10,
  /** Condemned by an always-on check. */
  broken: 0x20,
  /** This host opened it, to ask a DNS server. */
  ownQuery: 0x40,
  /** A rule or the configuration wants it to be bypassed. */
  exempt: 0x80,
  /** Condemned, and a SYN that came since then has begun it anew: the server has yet to answer it. */
  reopening: 0x100,
  /** It is silent: what is remembered of it must be unpacked before anybody looks. */
  packed: 0x200,
  /**
   * What the client sends, or the server, was over when the flow was forgotten, by a FIN or a RST that its receiver may
   * not have got. These two outlast the flow, until another connection between its endpoints is established.
   */
  endedToServer: 0x400,
  endedToClient: 0x800,
} as const;

/** Those that outlast the flow. */
export const ENDED_FLAGS = FLOW_FLAG.endedToServer | FLOW_FLAG.endedToClient;

/**
 * `timeout`: idle for too long. `evicted`: it was over and made room for another. `recycled`: it was not over, and made
 * room all the same. `reused`: a new connection took its place. `forced`: somebody released it.
 */
export type FlowEndReason = 'timeout' | 'evicted' | 'recycled' | 'reused' | 'forced';
