import { type AppEventInfo, drop, report } from '../events.ts';

/** Every deviation that the FTP parser reports. Names are Suricata's where it has one. */
export const FTP_EVENTS = {
  'ftp.request_command_too_long': drop('a command is over the limit, which no server takes, and was cut'),
  'ftp.response_command_too_long': report('a line of a reply is over the limit, and was cut'),
  'ftp.compressed': report('the server agrees to MODE Z: files are compressed, and not looked into'),
  'ftp.too_many_transactions': drop('more commands without a reply than the limit'),
} as const satisfies Record<string, AppEventInfo>;

export type FtpEvent = keyof typeof FTP_EVENTS;
