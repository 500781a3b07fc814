import type { CheckAction, CheckType } from './checks.ts';

/** Why a check has the default that it has. Empty: nobody has said so yet, which a test finds. */
export function reasonFor(name: string, type: CheckType, byDefault: CheckAction): string {
  if (byDefault === 'ignore') return 'ordinary traffic is full of it';
  if (byDefault === 'report') return WHY_REPORTED[type];
  return WHY_DROPPED.find(({ checks }) => checks.some((pattern) => fits(pattern, name)))?.why ?? '';
}

const WHY_REPORTED: Readonly<Record<CheckType, string>> = {
  decode: 'honest hosts send it at times, and receivers agree on what it means',
  stream: 'lost or delayed packets and connections older than vpatch look the same',
  applayer: 'honest software sends it, and what reads it agrees on what it means',
};

/** A `*` stands for any part of a name. The first that fits counts. */
const WHY_DROPPED: readonly { readonly why: string; readonly checks: readonly string[] }[] = [
  {
    why: 'the receiver throws it away: read as part of the stream, it would stand in the place of other bytes',
    checks: ['*_checksum'],
  },
  {
    why: 'hosts put such fragments together in different ways, or not at all (RFC 5722, RFC 1858, RFC 3128)',
    checks: ['ipv4.frag_*', 'ipv6.frag_*', 'defrag.*'],
  },
  {
    why: 'lengths and headers contradict each other: whoever reads on may read something else than the receiver does',
    checks: [
      '*_too_small',
      '*.trunc_*',
      '*wrong_ip_version',
      '*wrong_version',
      '*invalid_ip_version',
      '*iplen_smaller_than_hlen',
      '*.len_invalid',
      '*.invalid_optlen',
      '*.opt_invalid_len',
      '*.opt_malformed',
      '*.exthdr_invalid_optlen',
      'gre.*',
      'esp.*',
    ],
  },
  {
    why: 'the sender chooses the way, past filters and addresses that are trusted (RFC 7126 §4.3, RFC 5095)',
    checks: ['ipv4.opt_source_route', 'ipv6.rh_type_0'],
  },
  {
    why: 'no host has this source (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3): it is forged',
    checks: ['*.src_multicast', '*.src_broadcast', '*.src_loopback'],
  },
  { why: 'a host would answer itself, without end (the "land" attack)', checks: ['*.same_src_dst'] },
  {
    why: 'RFC 8200 §4.1 and RFC 7045: nobody sends it, and hosts disagree on which header counts',
    checks: ['ipv6.exthdr_*'],
  },
  { why: 'what lies deeper is not looked at, so that nothing may hide there', checks: ['too_many_layers'] },
  {
    why: 'no TCP sends these flags (RFC 9293 §3.5); stacks answer them in ways of their own, for which scanners look',
    checks: ['tcp.no_flags', 'tcp.syn_fin', 'tcp.syn_rst', 'tcp.rst_fin'],
  },
  { why: 'port 0 is reserved (RFC 6335 §6) and nobody listens there', checks: ['*.port_zero'] },
  {
    why: 'memory is bounded: connections that exist go on (`flow` in the configuration has the caps)',
    checks: ['flow.*'],
  },
  {
    why: 'the service may read the second version, and the first one was inspected',
    checks: ['tcp.retransmit_differs'],
  },
  {
    why: 'the receiver discards it, and read as part of the stream it would stand in the place of other bytes',
    checks: ['tcp.unexpected_signature'],
  },
  {
    why: 'a client that answers itself would have bytes taken for read that no server has, and others sent in their place',
    checks: ['tcp.wrong_interface'],
  },
  {
    why: 'which urgent bytes the receiver leaves out of the stream depends on when it reads',
    checks: ['stream.reassembly_urgent_oob_limit_reached'],
  },
  {
    why: 'who is the client then is not what most would say, and rules look in the wrong direction (RFC 9293 §3.5)',
    checks: ['tcp.split_handshake'],
  },
  {
    why: 'no window reaches so far: it belongs to no connection, or is a guess at this one',
    checks: ['stream.*'],
  },
  {
    why: 'servers disagree on where the message ends: what follows is smuggled past whoever reads it otherwise',
    checks: [
      'http.*content_length*',
      'http.*transfer_encoding*',
      'http.*framing*',
      'http.*_chunk_*',
      'http.invalid_request_field_folding',
      'http.request_field_space_before_colon',
      'http.request_bare_cr',
      'http.request_line_ends_differ',
      'http.request_field_name_control',
      'http.request_nul',
      'http.request_fields_without_version',
      'http.*_connect_content',
    ],
  },
  {
    why: 'servers and proxies disagree on which site it is for, and rules that look at the site see another one',
    checks: ['http.*host*', 'http2.authority_host_mismatch'],
  },
  {
    why: 'servers and applications take it apart in different ways, and rules would look at what they do not see',
    checks: ['http.request_method_invalid', 'http.request_multipart_ambiguous'],
  },
  {
    why: 'what follows is not inspected, and no ordinary client sends it there',
    checks: ['http.request_connect_impatient', 'http.request_http2_preface'],
  },
  {
    why: 'servers and proxies disagree on which file it names, or are led out of their folder',
    checks: ['http.uri_*'],
  },
  {
    why: 'a proxy that makes HTTP/1 of it smuggles another request, or servers disagree on what it asks for (RFC 9113 §8)',
    checks: ['http2.request_*'],
  },
  {
    why: 'it costs the server far more than its sender, and no client sends it so fast',
    checks: ['http2.rapid_reset', 'http2.control_flood', 'http2.continuation_flood', 'http2.*_bomb'],
  },
  {
    why: 'its receiver has to close the connection (RFC 9113 §5.4.1): what it would read behind it is not known',
    checks: ['http2.invalid_*', 'http2.header_integer_overflow', 'http2.extra_header_data'],
  },
  {
    why: 'its receiver has to fail the connection (RFC 6455): what it reads instead is not known',
    checks: ['websocket.*'],
  },
  {
    why: 'what is beyond the limit is not inspected, and ordinary clients stay far below it',
    checks: [
      'http.*_too_long',
      'http2.*_too_long',
      'http2.header_table_too_large',
      'http2.reassembly_limit_reached',
      '*.*too_many*',
      'tls.*_too_long',
      'redis.*_too_long',
      'ftp.*_too_long',
      'smb.*',
      'dcerpc.*_too_long',
    ],
  },
  {
    why: 'resolvers that follow the name run in circles, or beyond their buffers',
    checks: ['dns.*'],
  },
  { why: 'the server may take the name that was not inspected', checks: ['tls.*sni*', 'tls.server_name_changed'] },
  {
    why: 'servers disagree on where a mail, or what was sent in the clear, ends: a second one is smuggled behind it',
    checks: ['smtp.*'],
  },
  {
    why: 'Redis closes the connection, and whoever reads on gets what was not inspected',
    checks: ['redis.protocol_error'],
  },
  {
    why: 'receivers close the connection, and whoever reads on takes another place for the beginning',
    checks: ['applayer_malformed_proxy_header'],
  },
  { why: 'it reads memory of the server: Heartbleed', checks: ['tls.*heartbeat*'] },
  {
    why: 'the server passes over what it does not understand, and may have read what no rule has seen',
    checks: ['applayer_first_bytes_lost'],
  },
];

function fits(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const found = index === 0 ? 0 : index === parts.length - 1 ? name.length - part.length : name.indexOf(part, at);
    if (found < at || !name.startsWith(part, found)) return false;
    at = found + part.length;
  }
  return at === name.length;
}
