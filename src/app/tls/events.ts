import { type AppEventInfo, drop, report } from '../events.ts';

/**
 * Every deviation that the TLS parser reports. Names are Suricata's where it has one. What is an attack drops, and what
 * a server is bound to refuse but may not.
 */
export const TLS_EVENTS = {
  // Records: RFC 8446 §5.1, RFC 5246 §6.2.
  'tls.invalid_sslv2_header': report('an SSLv2 message whose lengths contradict each other'),
  'tls.error_message_encountered': report('an error message of SSLv2'),
  'tls.invalid_ssl_record': report('a record of the handshake that ends within the header of a message'),
  'tls.invalid_record_version': report('a record of a version that is not SSL 3 or TLS; what follows is not read'),
  'tls.invalid_record_type': report('a record of an unknown type; what follows is not read'),
  'tls.invalid_record_length': report('a record that is longer than 18,432 bytes'),
  // Handshake.
  'tls.invalid_handshake_message': report('a handshake message of an unknown type'),
  'tls.handshake_invalid_length': report('a hello whose lengths contradict each other'),
  'tls.handshake_message_too_long': drop('a handshake message is over the limit, and was not looked into'),
  'tls.server_name_changed': drop('a second client hello names another server (RFC 8446 §4.1.2)'),
  'tls.multiple_sni_extensions': drop('a client hello names its server twice (RFC 8446 §4.2)'),
  'tls.invalid_sni_type': report('a server name that is not a host name'),
  'tls.invalid_sni_length': report('a server name that is empty or longer than 255 bytes'),
  'tls.too_many_protocols': drop(
    'a hello has more application protocols than the limit, and the rest is not looked into',
  ),
  // Heartbeats: RFC 6520.
  'tls.heartbeat_message': report('a heartbeat before the connection is encrypted'),
  'tls.invalid_heartbeat_message': report(
    'a heartbeat of unknown type, without padding, or before the last was answered',
  ),
  'tls.overflow_heartbeat_message': drop('a heartbeat asks for more than it brings: Heartbleed (CVE-2014-0160)'),
  'tls.dataleak_heartbeat_mismatch': drop('the answer to an encrypted heartbeat is longer than the question'),
  // Certificates: RFC 5280 §4.1.
  'tls.invalid_certificate': report('a certificate, or a list of them, whose lengths contradict each other'),
  'tls.too_many_certificates': report('a list of more certificates than the limit; the rest is not looked into'),
  'tls.certificate_invalid_length': report('a certificate that is cut off'),
  'tls.certificate_invalid_der': report('a certificate is not DER'),
  'tls.certificate_invalid_serial': report('a certificate without serial number'),
  'tls.certificate_invalid_algorithmidentifier': report('a certificate without signature algorithm'),
  'tls.certificate_invalid_issuer': report('the issuer of a certificate cannot be read'),
  'tls.certificate_invalid_validity': report('the dates of a certificate cannot be read'),
  'tls.certificate_invalid_subject': report('the subject of a certificate cannot be read'),
} as const satisfies Record<string, AppEventInfo>;

export type TlsEvent = keyof typeof TLS_EVENTS;
