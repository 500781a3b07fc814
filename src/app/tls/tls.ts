import type { AppProtocol } from '../protocol.ts';
import { TLS_BUFFERS } from './buffers.ts';
import { TLS_FRAMES, TlsParser } from './parser.ts';
import { probeTls } from './probe.ts';
import type { TlsSide, TlsTransaction } from './transaction.ts';
import { VERSION, versionText } from './versions.ts';

/** TLS 1.0 to 1.3 and SSL 3 (RFC 8446, RFC 5246, RFC 6101), and the hello of SSLv2. Nothing is decrypted. */
export const createTls = (): AppProtocol<TlsTransaction> => ({
  name: 'tls',
  transports: ['tcp'],
  buffers: TLS_BUFFERS,
  frames: { prefix: 'tls', names: TLS_FRAMES },
  probe: probeTls,
  open: (sink, { frames }) => new TlsParser(sink, frames),
  describe: describeTls,
});

/** EVE's `tls` object. */
function describeTls({ client, server }: TlsTransaction): Record<string, unknown> {
  const certificate = server.certificate;
  const version = server.version !== VERSION.unknown ? server.version : client.version;
  return {
    ...(certificate !== null && {
      subject: text(certificate.subject),
      issuerdn: text(certificate.issuer),
      serial: text(certificate.serial),
      fingerprint: text(server.fingerprint!),
    }),
    ...(client.hello !== null && client.hello.serverName !== null && { sni: text(client.hello.serverName) }),
    version: versionText(version),
    ...(certificate !== null && {
      notbefore: dateText(certificate.notBeforeMs),
      notafter: dateText(certificate.notAfterMs),
    }),
    ...(client.ja3 !== null && { ja3: fingerprint(client) }),
    ...(server.ja3 !== null && { ja3s: fingerprint(server) }),
    ...(client.ja4 !== null && { ja4: text(client.ja4) }),
    ...protocols('client_alpns', client),
    ...protocols('server_alpns', server),
  };
}

const fingerprint = (side: TlsSide): Record<string, string> => ({ hash: text(side.ja3Hash!), string: text(side.ja3!) });

function protocols(key: string, { hello }: TlsSide): Record<string, readonly string[]> {
  if (hello === null || hello.applicationProtocols.length === 0) return {};
  return { [key]: hello.applicationProtocols.slice(0, MAX_SHOWN_PROTOCOLS).map((name) => text(name)) };
}

/** As Suricata: `2016-05-10T12:00:00`. */
const dateText = (timeMs: number): string => new Date(timeMs).toISOString().replace(/\.\d+Z$/, '');

/** A log line is for reading; a hostile certificate can be 128 KiB long. */
const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_TEXT_BYTES)).toString('utf8');

const MAX_TEXT_BYTES = 1000;
const MAX_SHOWN_PROTOCOLS = 16;
