/** What can be told. `detections` are rules that matched and blocked nothing. */
export const NOTICE_KINDS = ['detections', 'blocks', 'scan', 'failures'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** `tls` from the first byte on (RFC 8314 §3.3), or after STARTTLS (RFC 3207), which is then a must. */
export const MAIL_SECURITIES = ['starttls', 'tls', 'none'] as const;
export type MailSecurity = (typeof MAIL_SECURITIES)[number];

export interface MailSettings {
  readonly server: string;
  readonly port: number;
  readonly security: MailSecurity;
  /** PEM. Null: the authorities that Node brings. */
  readonly caFile: string | null;
  /** Null: without authentication. */
  readonly user: string | null;
  /** Its first line. Absolute, and there if `user` is. */
  readonly passwordFile: string | null;
  readonly from: string;
  readonly to: readonly string[];
  /** Until the server answers, for each step. */
  readonly timeoutMs: number;
}

export interface WebhookSettings {
  readonly url: string;
  /** Lines of `Name: value`. Absolute. */
  readonly headerFile: string | null;
  /** For all of a request. */
  readonly timeoutMs: number;
}

export interface NotifySettings {
  readonly kinds: readonly NoticeKind[];
  /** As rules have it: 1 is the most severe. Of detections and blocks, those above it are not told. */
  readonly leastSevere: number;
  /** Detections and blocks are gathered for so long; 0: told at once. */
  readonly digestMs: number;
  /** Messages, each to all transports. */
  readonly maxPerHour: number;
  /** After the first attempt. */
  readonly retries: number;
  /** Messages that may wait for one transport. */
  readonly maxWaiting: number;
  /** Null: no mail. A file that has the block sets all of it. */
  readonly mail: MailSettings | null;
  readonly webhook: WebhookSettings | null;
}
