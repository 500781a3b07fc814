/** Of all protocols, in the order in which a flow's first bytes are tried. Loads no parser, as all-events.ts. */
export const APP_NAMES = [
  'http',
  'http2',
  'tls',
  'dns',
  'smtp',
  'ssh',
  'ftp',
  'ftp-data',
  'smb',
  'dcerpc',
  'websocket',
  'redis',
  'proxy',
] as const;
