/** The always-on checks of this stage: event name to summary. */
export const FLOW_EVENTS = {
  'flow.tcp_limit': 'a new TCP flow beyond the cap of concurrent TCP flows',
  'flow.source_limit': 'a new flow of a source that has as many as one may have',
  'flow.source_half_open_limit': 'a new TCP flow of a source that has as many unfinished handshakes as one may have',
  'flow.half_open_limit': 'a new TCP flow beyond the cap of concurrent handshakes',
  'flow.udp_limit': 'a new UDP flow beyond the cap of concurrent UDP flows',
  'flow.other_limit': 'a new flow of another protocol beyond their cap',
  'flow.recycled': 'beyond a cap, a new flow took the place of one that nobody had answered',
} as const satisfies Record<string, string>;
export type FlowEvent = keyof typeof FLOW_EVENTS;

/** What is done about a flood, and not what is wrong with a packet. */
export const REMARKABLE_FLOW_EVENTS: ReadonlySet<string> = new Set<FlowEvent>(['flow.recycled']);
