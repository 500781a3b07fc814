import { readFileSync } from 'node:fs';
import { duplexPair } from 'node:stream';
import { type ConnectionOptions, connect, createSecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import type { Piece } from './trace.ts';

const FOLDER = 'fixtures/app/tls';
const KEY = readFileSync(`${FOLDER}/server.key`);
const CERTIFICATE = readFileSync(`${FOLDER}/server.crt`);
const AUTHORITY = readFileSync(`${FOLDER}/ca.crt`);
/** A certificate that the client can show too. */
export const IDENTITY = { key: KEY, cert: CERTIFICATE };

/** What OpenSSL sends in a handshake, and then one line of data in each direction. Nothing leaves the process. */
export async function recordHandshake(client: ConnectionOptions, server: TLSSocketOptions = {}): Promise<Piece[]> {
  const pieces: Piece[] = [];
  const [clientEnd, clientWire] = duplexPair();
  const [serverEnd, serverWire] = duplexPair();
  const wire = (from: typeof clientWire, to: typeof clientWire, direction: Direction): void => {
    from.on('data', (bytes: Buffer) => {
      pieces.push({ direction, bytes: Uint8Array.from(bytes) });
      to.write(bytes);
    });
  };
  wire(clientWire, serverWire, TO_SERVER);
  wire(serverWire, clientWire, TO_CLIENT);

  const secureContext = createSecureContext({
    ...IDENTITY,
    cert: Buffer.concat([CERTIFICATE, AUTHORITY]),
    minVersion: 'TLSv1.2',
    ...(client.ecdhCurve !== undefined && { ecdhCurve: 'P-256' }),
  });
  const accepting = new TLSSocket(serverEnd, { isServer: true, secureContext, ...server });
  const connecting = connect({ socket: clientEnd, rejectUnauthorized: false, ...client });
  accepting.on('error', () => connecting.destroy());
  await new Promise<void>((resolve, reject) => {
    connecting.once('error', reject);
    accepting.once('data', () => accepting.write('answer\n'));
    connecting.once('data', () => resolve());
    connecting.once('secureConnect', () => connecting.write('question\n'));
  });
  connecting.destroy();
  accepting.destroy();
  return pieces;
}
