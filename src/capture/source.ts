import type { Packet } from '../wire/packet.ts';

/** The answer to one packet. The values are the kernel's (linux/netfilter.h: NF_DROP, NF_ACCEPT). */
export const VERDICT = { drop: 0, accept: 1 } as const;
export type Verdict = (typeof VERDICT)[keyof typeof VERDICT];

/**
 * Where packets come from, in batches. A batch stays valid until the next `receive`; verdicts that nobody set are
 * `whenUndecided`, which is what an engine failure leaves behind.
 */
export interface PacketSource {
  /** Waits at most `timeoutMs` for packets; returns how many there are. 0 says nothing about the end. */
  receive(timeoutMs: number): number;
  /** Points `packet` at one packet of the batch and fills the fields that a capture source knows. */
  read(row: number, packet: Packet): void;
  /** `mark` other than 0 becomes the packet's mark; sources that cannot act ignore verdicts. */
  decide(row: number, verdict: Verdict, mark: number): void;
  /** Sends the verdicts of the batch. */
  flush(): void;
  close(): void;
}
