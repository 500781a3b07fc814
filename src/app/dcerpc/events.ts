import { type AppEventInfo, report } from '../events.ts';

/** What the DCERPC parser reports. Suricata has no such events; the names are ours. */
export const DCERPC_EVENTS = {
  'dcerpc.malformed_data': report('a fragment that cannot be read; the rest of this direction is not parsed'),
  'dcerpc.too_many_calls': report('more calls wait for their answer than are followed; the oldest is given up'),
} as const satisfies Record<string, AppEventInfo>;

export type DcerpcEvent = keyof typeof DCERPC_EVENTS;
