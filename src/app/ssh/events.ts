import { type AppEventInfo, report } from '../events.ts';

/** What the SSH parser reports, by Suricata's names. None of it hurts a server that does not read it itself. */
export const SSH_EVENTS = {
  'ssh.invalid_banner': report('the first line is no version (RFC 4253 §4.2)'),
  'ssh.long_banner': report('the version is longer than 255 bytes (RFC 4253 §4.2)'),
  'ssh.invalid_record': report('a packet whose length cannot be right (RFC 4253 §6)'),
  'ssh.long_kex_record': report('the list of algorithms is longer than 64 KiB'),
  'ssh.gap': report('bytes of the key exchange were not seen; the rest of this direction is not parsed'),
} as const satisfies Record<string, AppEventInfo>;

export type SshEvent = keyof typeof SSH_EVENTS;
