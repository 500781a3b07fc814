/** The always-on checks of this stage: event name to summary. */
export const FLOW_EVENTS = {
  'flow.tcp_limit': 'a new TCP flow beyond the cap of concurrent TCP flows',
  'flow.half_open_limit': 'a new TCP flow beyond the cap of concurrent handshakes',
  'flow.udp_limit': 'a new UDP flow beyond the cap of concurrent UDP flows',
  'flow.other_limit': 'a new flow of another protocol beyond their cap',
} as const satisfies Record<string, string>;
export type FlowEvent = keyof typeof FLOW_EVENTS;
