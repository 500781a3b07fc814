/** RFC 9113 §6, in the words of rules. The number is the place. */
export const FRAME_TYPES: readonly string[] = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RSTSTREAM',
  'SETTINGS',
  'PUSHPROMISE',
  'PING',
  'GOAWAY',
  'WINDOWUPDATE',
  'CONTINUATION',
];

/** RFC 9113 §7. */
export const ERROR_CODES: ReadonlyMap<number, string> = new Map(
  [
    'NO_ERROR',
    'PROTOCOL_ERROR',
    'INTERNAL_ERROR',
    'FLOW_CONTROL_ERROR',
    'SETTINGS_TIMEOUT',
    'STREAM_CLOSED',
    'FRAME_SIZE_ERROR',
    'REFUSED_STREAM',
    'CANCEL',
    'COMPRESSION_ERROR',
    'CONNECT_ERROR',
    'ENHANCE_YOUR_CALM',
    'INADEQUATE_SECURITY',
    'HTTP_1_1_REQUIRED',
  ].map((name, code) => [code, name]),
);

/** RFC 9113 §6.5.2. */
export const SETTING_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'SETTINGS_HEADER_TABLE_SIZE'],
  [2, 'SETTINGS_ENABLE_PUSH'],
  [3, 'SETTINGS_MAX_CONCURRENT_STREAMS'],
  [4, 'SETTINGS_INITIAL_WINDOW_SIZE'],
  [5, 'SETTINGS_MAX_FRAME_SIZE'],
  [6, 'SETTINGS_MAX_HEADER_LIST_SIZE'],
]);
