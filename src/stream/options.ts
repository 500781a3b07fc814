/**
 * Behind a start, or a time in which packets passed that nobody saw, connections whose beginning was not seen are
 * followed from where they are for so long: Deep Security's cold start.
 */
export const COLD_START_MS = 5 * 60_000;

/** What reassembly may keep. */
export interface ReassemblyLimits {
  /**
   * Out-of-order data in one direction of one connection; as much again of what was delivered and is not acknowledged.
   * Of that the newest is kept.
   */
  readonly maxOutOfOrderBytes: number;
  readonly maxOutOfOrderSegments: number;
  /** Kept bytes of all connections, with what keeping them costs. */
  readonly maxTotalBytes: number;
  /**
   * Of some connections only one direction passes us. What the other side said is taken from this one's
   * acknowledgements, and what could not be kept for comparison is nothing to wonder about.
   */
  readonly isOneSided: boolean;
}

/** Beside the limits: what the tracker believes without having seen it. */
export interface TcpTrackerOptions extends ReassemblyLimits {
  /** Packets before this time may begin a session without a handshake. */
  readonly midstreamUntilMs: number;
  /**
   * Whether packets can pass that we do not see: capture files, sniffers, a queue that lets pass what it cannot hold.
   * Then an acknowledgement of unseen bytes is believed within the window. False is stricter: such a segment is
   * `invalid`, as it is to its receiver, so that data in it cannot be smuggled into our stream alone.
   */
  readonly mayMissPackets: boolean;
}

/**
 * The bounds are ours. Behind one lost packet a sender may put a whole receive window, of which Linux allows 6 MiB
 * (tcp_rmem); all connections together are bounded by `maxTotalBytes`.
 */
export const DEFAULT_TCP_TRACKER_OPTIONS: TcpTrackerOptions = {
  maxOutOfOrderBytes: 8 * 2 ** 20,
  // As much in the usual segments of 1,448 bytes is 5,793 of them.
  maxOutOfOrderSegments: 8192,
  maxTotalBytes: 64 * 2 ** 20,
  midstreamUntilMs: Number.NEGATIVE_INFINITY,
  mayMissPackets: true,
  isOneSided: false,
};
