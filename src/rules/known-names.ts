/** What Suricata 7 knows, whether or not vpatch does: it decides between "not yet" and "no such thing". */

const names = (text: string): readonly string[] => text.split(/\s+/).filter((name) => name !== '');

/** `suricata --list-keywords` of version 7, with the old spellings; of version 8, what vpatch has too. */
export const SURICATA_KEYWORDS: ReadonlySet<string> = new Set(
  names(`
    sid alert priority rev classtype app-layer-protocol ack tcp.seq tcp.ack seq window tcp.flags flags fragbits fragoffset
    ttl itype icode icmp_id icmp_seq icmpv6.mtu icmpv4.hdr icmpv6.hdr dsize flow flow.age flow.pkts_toserver
    flow.pkts_toclient flow.bytes_toserver flow.bytes_toclient threshold metadata reference msg
    gid content uricontent pcre depth startswith endswith distance within offset replace nocase fast_pattern rawbytes
    byte_test byte_jump byte_math byte_extract sameip ip_proto ipopts tos geoip ftpbounce isdataat id rpc asn1 flowvar
    flowint pktvar noalert flowbits hostbits stream_size ipv4-csum tcpv4-csum tcpv6-csum udpv4-csum udpv6-csum
    icmpv4-csum icmpv6-csum detection_filter decode-event nfq_set_mark bsize frame filename fileext filestore filemagic
    filemd5 filesha1 filesha256 filesize file.data file.name file.magic file_data pkt_data target xbits tag luajit lua
    iprep bypass prefilter dataset datarep base64_decode base64_data requires stream-event engine-event
    app-layer-event tcp.hdr tcp.mss udp.hdr ipv4.hdr ipv6.hdr ip.src ip.dst l3_proto
    compress_whitespace strip_whitespace strip_pseudo_headers to_md5 to_sha1 to_sha256 dotprefix url_decode xor
    to_lowercase to_uppercase header_lowercase pcrexform urilen config
    http_cookie http_header http_raw_header http_uri http_raw_uri http_method http_client_body http_server_body
    http_stat_code http_stat_msg http_user_agent http_host http_raw_host http_protocol http_request_line
    http_response_line http_start http_header_names http_accept http_accept_enc http_accept_lang http_connection
    http_content_len http_content_type http_referer
    http.cookie http.header http.header.raw http.header_names http.uri http.uri.raw http.method http.request_body
    http.response_body http.stat_code http.stat_msg http.user_agent http.host http.host.raw http.protocol
    http.request_line http.response_line http.start http.accept http.accept_enc http.accept_lang http.connection
    http.content_len http.content_type http.location http.referer http.server http.request_header
    http.response_header
    http2.frametype http2.errorcode http2.priority http2.window http2.size_update http2.settings http2.header_name
    http2.header http2.request_body
    dns.query dns_query dns.opcode         tls.sni tls_sni tls.subject tls.cert_subject tls_cert_subject tls.issuerdn tls.cert_issuer tls_cert_issuer
    tls.version tls.fingerprint tls.cert_fingerprint tls_cert_fingerprint tls.cert_serial tls_cert_serial tls.certs
    tls_cert_notbefore tls_cert_notafter tls_cert_valid tls_cert_expired tls.store tls.cert_chain_len tls.random
    tls.random_time tls.random_bytes ssl_version ssl_state
    ja3.hash ja3_hash ja3.string ja3_string ja3s.hash ja3s.string     ssh.proto ssh_proto ssh.protoversion ssh.software ssh_software ssh.softwareversion ssh.hassh ssh.hassh.string
    ssh.hassh.server ssh.hassh.server.string
        smb.named_pipe smb_named_pipe smb.share smb_share smb.ntlmssp_user smb.ntlmssp_domain     dcerpc.iface dce_iface dcerpc.opnum dce_opnum dcerpc.stub_data dce_stub_data
    ftpdata_command     krb5_msg_type krb5.cname krb5_cname krb5.sname krb5_sname krb5_err_code krb5.weak_encryption krb5.ticket_encryption
    nfs_procedure nfs_version rpc.procedure
    sip.method sip.uri sip.protocol sip.request_line sip.stat_code sip.stat_msg sip.response_line
    rfb.name rfb.secresult rfb.sectype
    mqtt.protocol_version mqtt.type mqtt.flags mqtt.qos mqtt.reason_code mqtt.connack.session_present
    mqtt.connect.clientid mqtt.connect.flags mqtt.connect.password mqtt.connect.protocol_string mqtt.connect.username
    mqtt.connect.willmessage mqtt.connect.willtopic mqtt.publish.message mqtt.publish.topic mqtt.subscribe.topic
    mqtt.unsubscribe.topic
    snmp.version snmp.community snmp.usm snmp.pdu_type
    ike.init_spi ike.resp_spi ike.chosen_sa_attribute ike.exchtype ike.vendor ike.key_exchange_payload
    ike.key_exchange_payload_length ike.nonce_payload ike.nonce_payload_length
    quic.version quic.sni quic.ua quic.cyu.hash quic.cyu.string
    dnp3_func dnp3.func dnp3_ind dnp3.ind dnp3_obj dnp3.obj dnp3_data dnp3.data modbus enip_command cip_service
    dhcp.leasetime dhcp.rebinding_time dhcp.renewal_time dhcp.relay_ip
    websocket.payload websocket.opcode websocket.flags websocket.mask
    rule-type template2 template
  `),
);

/** Those that came with version 8. vpatch has some of them. */
export const LATER_KEYWORDS: ReadonlySet<string> = new Set(
  names(`
    absent casechange cipso domain tld luaxform lua_package from_base64 dns.query.name dns.answer.name
    dns.answers.rrname dns.queries.rrname mdns.queries.rrname dns.rcode dns.rrtype tcp.wscale vxlan_vni
    tls.subjectaltname tls.alpn ja4.hash smtp.helo smtp.mail_from smtp.rcpt_to ftp.command ftp.command_data ftp.reply
    smb.version nfs.version pgsql.query ethernet.hdr file.extension
  `),
);

const LUA = 'runs a Lua script, and vpatch runs no scripts of rules';
const NO_TEST = 'is a template for the developers of Suricata';

/** Why some of them are not for us. */
export const REFUSED_KEYWORDS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    lua: LUA,
    luajit: LUA,
    replace: 'changes packets, and vpatch only lets them pass or drops them: use drop',
    config: 'switches the records of single transactions off; outputs.eve.records says which there are',
    nfq_set_mark: 'sets a mark on packets, and the marks are those that vpatch itself uses',
    'rule-type': NO_TEST,
    template: NO_TEST,
    template2: NO_TEST,
  }).map(([name, reason]) => [name, `${name} ${reason}`]),
);

/** Keywords of protocols that may not be inspected, by what their names begin with. */
const PROTOCOL_OF_KEYWORD: readonly (readonly [string, string])[] = [
  ['krb5', 'Kerberos'],
  ['nfs', 'NFS'],
  ['rpc.', 'ONC RPC'],
  ['sip.', 'SIP'],
  ['rfb.', 'RFB'],
  ['mqtt.', 'MQTT'],
  ['snmp.', 'SNMP'],
  ['ike.', 'IKE'],
  ['quic.', 'QUIC'],
  ['dnp3', 'DNP3'],
  ['modbus', 'Modbus'],
  ['enip_', 'EtherNet/IP'],
  ['cip_', 'EtherNet/IP'],
  ['dhcp.', 'DHCP'],
];

/** Why a keyword that vpatch does not have cannot be loaded; null: there is no such keyword. */
export function whyUnsupported(name: string): string | null {
  const refusal = REFUSED_KEYWORDS.get(name);
  if (refusal !== undefined) return refusal;
  if (LATER_KEYWORDS.has(name)) return `${name} came with Suricata 8, and vpatch speaks the language of Suricata 7`;
  if (!SURICATA_KEYWORDS.has(name)) return null;
  const protocol = PROTOCOL_OF_KEYWORD.find(([start]) => name.startsWith(start))?.[1];
  if (protocol !== undefined) return `${name} is about ${protocol}, which vpatch does not parse`;
  return `Suricata knows ${name}, vpatch doesn't yet`;
}

/** Application protocols that a rule header of Suricata 7 can name. */
export const SURICATA_PROTOCOLS: ReadonlySet<string> = new Set(
  names(`
    http http1 http2 ftp ftp-data smtp tls ssl ssh imap pop3 jabber msn smb dcerpc irc dns modbus enip dnp3 nfs ntp
    tftp ike ikev2 krb5 quic dhcp snmp sip rfb mqtt pgsql telnet template rdp bittorrent-dht websocket ldap
    pkthdr ether arp
  `),
);
