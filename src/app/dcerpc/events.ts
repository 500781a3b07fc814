import { type AppEventInfo, drop, report } from '../events.ts';

/** What the DCERPC parser reports. Suricata has no such events; the names are ours. */
export const DCERPC_EVENTS = {
  'dcerpc.malformed_data': report('a fragment that cannot be read; the rest of this direction is not parsed'),
  'dcerpc.too_many_calls': report('more calls wait for their answer than are followed; the oldest is given up'),
  'dcerpc.stub_too_long': report('a call carries more than what is kept of it; the rest is not looked into'),
  'dcerpc.open_stubs_too_long': drop('calls that are open carry together more than the limit'),
} as const satisfies Record<string, AppEventInfo>;

export type DcerpcEvent = keyof typeof DCERPC_EVENTS;
