import type { Overrides } from '../../../src/config/overrides.ts';
import type { LinkType } from '../../../src/wire/packet.ts';

/** What a check that drops must drop, and what comes closest to it and must arrive. */
export interface CheckCase {
  /** One of these packets fails the check. */
  readonly fails: readonly Uint8Array[];
  /** All of these arrive. */
  readonly arrives: readonly Uint8Array[];
  /** Where each packet of both was received; left out: nobody knows. */
  readonly inInterfaces?: readonly number[];
  readonly linkType?: LinkType;
  readonly config?: Overrides;
}

export type CheckCases = Readonly<Record<string, CheckCase>>;

export const bytesOf = (...parts: readonly (string | Uint8Array)[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part.replace(/\s+/g, ''), 'hex') : part)),
    ),
  );
