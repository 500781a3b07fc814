import { DCERPC_EVENTS } from './dcerpc/events.ts';
import { DNS_EVENTS } from './dns/events.ts';
import { type AppEventInfo, DETECTION_EVENTS } from './events.ts';
import { FTP_EVENTS } from './ftp/events.ts';
import { HTTP_EVENTS } from './http/events.ts';
import { HTTP2_EVENTS } from './http2/events.ts';
import { REDIS_EVENTS } from './redis/events.ts';
import { SMB_EVENTS } from './smb/events.ts';
import { SMTP_EVENTS } from './smtp/events.ts';
import { SSH_EVENTS } from './ssh/events.ts';
import { TLS_EVENTS } from './tls/events.ts';
import { WEBSOCKET_EVENTS } from './websocket/events.ts';

/** What detection and the parsers may report. Loads no parser: the service knows the events and parses nothing. */
export const APP_EVENTS: ReadonlyMap<string, AppEventInfo> = indexEvents([
  DETECTION_EVENTS,
  HTTP_EVENTS,
  HTTP2_EVENTS,
  TLS_EVENTS,
  DNS_EVENTS,
  SMTP_EVENTS,
  SSH_EVENTS,
  FTP_EVENTS,
  SMB_EVENTS,
  DCERPC_EVENTS,
  WEBSOCKET_EVENTS,
  REDIS_EVENTS,
]);

/** Throws where two tables have the same name. */
export function indexEvents(
  tables: readonly Readonly<Record<string, AppEventInfo>>[],
): ReadonlyMap<string, AppEventInfo> {
  const byName = new Map<string, AppEventInfo>();
  for (const table of tables) {
    for (const [name, info] of Object.entries(table)) {
      if (byName.has(name)) throw new Error(`event "${name}" is defined twice`);
      byName.set(name, info);
    }
  }
  return byName;
}
