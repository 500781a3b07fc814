/** Packets of which the capture source kept only the beginning. Nothing is wrong with those on the wire. */
export const CUT_EVENTS = {
  'capture.trunc_pkt': 'the capture kept only the beginning of the packet',
} as const;
export type CutEvent = keyof typeof CUT_EVENTS;

/**
 * Why a header that should reach to `neededEnd` is not all there: it was not on the wire either, which is what
 * `malformed` says, or the capture cut it.
 */
export const tooShort = <E extends string>(neededEnd: number, wireEnd: number, malformed: E): E | CutEvent =>
  neededEnd > wireEnd ? malformed : 'capture.trunc_pkt';
