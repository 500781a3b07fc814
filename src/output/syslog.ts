import type { EveLine } from './eve-lines.ts';

/** `local`: as syslog(3) writes it to /dev/log. `rfc5424`: with year, time zone and host. */
export const SYSLOG_FORMATS = ['local', 'rfc5424'] as const;
export type SyslogFormat = (typeof SYSLOG_FORMATS)[number];

// RFC 5424 §6.2.1.
const FACILITY_CODES = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;
export type SyslogFacility = keyof typeof FACILITY_CODES;
export const SYSLOG_FACILITIES = Object.keys(FACILITY_CODES) as readonly SyslogFacility[];

const SEVERITY = { critical: 2, warning: 4, notice: 5, informational: 6 } as const;

export interface SyslogSettings {
  readonly format: SyslogFormat;
  readonly facility: SyslogFacility;
  readonly hostname: string;
  readonly pid: number;
}

/** An event as a message for a syslog socket, with the time of the event. */
export function syslogMessage(line: EveLine, settings: SyslogSettings): string {
  const { format, facility, hostname, pid } = settings;
  const { text, type } = line;
  const priority = FACILITY_CODES[facility] * 8 + severityOf(line);
  const time = /"timestamp":"([^"]+)"/.exec(text)?.[1] ?? '';
  if (format === 'local') return `<${priority}>${localTime(time)} vpatch[${pid}]: ${text}`;
  const utc = time.replace(/\+0000$/, 'Z') || '-';
  return `<${priority}>1 ${utc} ${hostname || '-'} vpatch ${pid} ${type || '-'} - ${text}`;
}

/** An alert of severity 1 is critical, others are warnings. */
function severityOf({ text, type }: EveLine): number {
  if (type === 'alert') return /"severity":1[,}]/.test(text) ? SEVERITY.critical : SEVERITY.warning;
  return type === 'drop' || type === 'anomaly' ? SEVERITY.notice : SEVERITY.informational;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** RFC 3164 §4.1.2, in the time zone of this host: `Nov 22 10:00:00`. */
function localTime(time: string): string {
  const date = new Date(Date.parse(time) || 0);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'));
  return `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${clock.join(':')}`;
}
