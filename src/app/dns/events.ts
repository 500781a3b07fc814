import { type AppEventInfo, drop, report } from '../events.ts';

/**
 * What the DNS parser reports. Names are Suricata's where it has one. Nothing about answers drops: without them the
 * host finds nobody, and a stranger could forge a broken one.
 */
export const DNS_EVENTS = {
  'dns.request_name_invalid': drop('a name in a query loops, or is longer than 255 bytes (RFC 1035 §2.3.4, §4.1.4)'),
  'dns.malformed_data': report('a question or, in an answer, a record of its first two sections cannot be read'),
  'dns.invalid_additionals': report('an additional record, or any record of a query, cannot be read'),
  'dns.not_request': report('the client sent an answer'),
  'dns.not_response': report('the server sent a query'),
  'dns.z_flag_set': report('the reserved bit of the header is set (RFC 1035 §4.1.1)'),
  'dns.invalid_opcode': report('the opcode is not assigned (RFC 6895 §2.2)'),
  'dns.name_too_long': report('a name has more than 1,025 bytes or 255 labels and pointers; the rest is not read'),
  'dns.infinite_loop': report('the compression of a name points at itself (RFC 1035 §4.1.4)'),
  'dns.too_many_labels': report('a name has more than 255 labels and pointers, as where its compression loops'),
  'dns.too_many_questions': report('a query asks for more than one thing, which servers answer differently (RFC 9619)'),
  'dns.unsolicited_response': report('an answer that nobody asked for'),
  'dns.too_many_open_queries': report('more queries without an answer than the limit'),
  'dns.gap': report('bytes of a message were not seen'),
} as const satisfies Record<string, AppEventInfo>;

export type DnsEvent = keyof typeof DNS_EVENTS;
