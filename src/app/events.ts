/** Whether an event of a protocol drops by default, and what it means. */
export interface AppEventInfo {
  readonly summary: string;
  readonly drops: boolean;
}

export const report = (summary: string): AppEventInfo => ({ summary, drops: false });
export const drop = (summary: string): AppEventInfo => ({ summary, drops: true });

/** What the search for a flow's protocol reports. Names are Suricata's. */
export const DETECTION_EVENTS = {
  applayer_mismatch_protocol_both_directions: report('client and server speak different protocols'),
  applayer_wrong_direction_first_data: report('the side spoke first that has to wait in this protocol'),
  applayer_detect_protocol_only_one_direction: report('only one side speaks the protocol that was found'),
  applayer_proto_detection_skipped: report('no protocol was found, since first bytes were missing or too many'),
  applayer_first_bytes_lost: drop(
    'the server speaks something else than the client pretended, and not all that the client had sent is kept',
  ),
  applayer_malformed_proxy_header: drop('a header of the PROXY protocol that receivers refuse (its §2)'),
  applayer_unexpected_protocol: report('behind a change of protocol, another one than agreed on'),
  applayer_no_tls_after_starttls: report('TLS was agreed on, and something else came'),
  applayer_memory_limit: report('all parsers together reached their limit of memory; this connection is not parsed on'),
  applayer_too_many_changes: report('the protocol has changed more often than the limit; the rest is not parsed'),
} as const satisfies Record<string, AppEventInfo>;

export type DetectionEvent = keyof typeof DETECTION_EVENTS;
