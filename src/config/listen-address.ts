import { isIP } from 'node:net';
import type { ListenAddress } from './config.ts';

const LOOPBACK = '127.0.0.1';
const MAX_PORT = 0xffff;
const ADDRESS_AND_PORT = /^(?:\[([^[\]]+)\]|([^[\]:]+)):(\d{1,5})$/;

/** `127.0.0.1:9469`, `[::1]:9469`, or a port alone, which stands for one of the loopback address. */
export function parseListenAddress(value: unknown): ListenAddress | undefined {
  if (typeof value === 'number') return isPort(value) ? { address: LOOPBACK, port: value } : undefined;
  const match = typeof value === 'string' ? ADDRESS_AND_PORT.exec(value) : null;
  if (match === null) return undefined;
  const [, inBrackets, plain] = match;
  const address = inBrackets ?? plain ?? '';
  const port = Number(match[3]);
  return isIP(address) === (inBrackets === undefined ? 4 : 6) && isPort(port) ? { address, port } : undefined;
}

/** As a URL has it. */
export const listenText = ({ address, port }: ListenAddress): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port}`;

const isPort = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= MAX_PORT;
