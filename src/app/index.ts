import { createDcerpc } from './dcerpc/dcerpc.ts';
import { createDns } from './dns/dns.ts';
import { createFtp } from './ftp/ftp.ts';
import { createFtpData } from './ftp/ftp-data.ts';
import { createHttp } from './http/http.ts';
import type { HttpOptions } from './http/options.ts';
import { createHttp2 } from './http2/http2.ts';
import { type AppProtocol, type BufferDefinition, frameBuffer, STAGE, STREAM_FRAME } from './protocol.ts';
import { createProxy } from './proxy/proxy.ts';
import { createRedis } from './redis/redis.ts';
import { createSmb } from './smb/smb.ts';
import { createSmtp } from './smtp/smtp.ts';
import { createSsh } from './ssh/ssh.ts';
import { createTls } from './tls/tls.ts';
import { createWebsocket } from './websocket/websocket.ts';

/** Limits by protocol; what is not named has its default. */
export interface AppOptions {
  readonly http?: Partial<HttpOptions>;
}

/**
 * Every application protocol, in the order in which a flow's first bytes are tried. Their buffers are always the same.
 */
export const appProtocols = (options: AppOptions = {}): readonly AppProtocol[] => [
  createHttp(options.http) as AppProtocol,
  createHttp2(options.http) as AppProtocol,
  createTls() as AppProtocol,
  createDns() as AppProtocol,
  createSmtp() as AppProtocol,
  createSsh() as AppProtocol,
  createFtp() as AppProtocol,
  createFtpData() as AppProtocol,
  createSmb() as AppProtocol,
  createDcerpc() as AppProtocol,
  createWebsocket() as AppProtocol,
  createRedis() as AppProtocol,
  createProxy() as AppProtocol,
];

/** With default limits. */
export const APP_PROTOCOLS: readonly AppProtocol[] = appProtocols();

/** Every buffer and frame with its protocol: what rules may name. */
export const APP_BUFFERS: readonly { readonly protocol: string; readonly definition: BufferDefinition }[] =
  APP_PROTOCOLS.flatMap((protocol) =>
    [...protocol.buffers, ...framesOf(protocol)].map((definition) => ({ protocol: protocol.name, definition })),
  );

/** Frames are looked into where the stream is kept: no transaction has them. */
function framesOf({ frames }: AppProtocol): BufferDefinition[] {
  if (frames === undefined) return [];
  return [...frames.names, STREAM_FRAME].map((name) => ({
    name: frameBuffer(`${frames.prefix}.${name}`),
    aliases: [frameBuffer(name)],
    summary: '',
    direction: null,
    stage: STAGE.head,
    isInternal: true,
    isFrame: true,
    read: () => null,
  }));
}
