/** What is kept of a name; Windows takes none of more than 32,767 characters, and few are longer than 260. Ours. */
export const MAX_NAME_BYTES = 4096;
/** Of one offer; clients have some twelve. An offer is kept until its answer comes, and must not cost much. Ours. */
export const MAX_DIALECTS = 64;

/**
 * A name as Suricata shows it: without the bytes of 0 that two-byte characters have; those beyond Latin-1 keep both
 * bytes.
 */
export const nameOf = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
  bytes.slice(start, Math.min(end, start + 2 * MAX_NAME_BYTES)).filter((byte) => byte !== 0);
