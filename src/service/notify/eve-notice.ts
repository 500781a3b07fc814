import type { NoticeKind } from '../../config/notify-settings.ts';
import type { EveAlert, EveEvent, EveLine } from '../../output/eve-lines.ts';
import type { Notice } from './notice.ts';

/** Of an event that a check and no rule decided. Rules without a classification have the same. */
const CHECK_SEVERITY = 3;
const CHARACTERS_PER_TEXT = 300;

export interface EveNotice extends Notice {
  readonly kind: Extract<NoticeKind, 'detections' | 'blocks'>;
  /** 1 is the most severe. */
  readonly severity: number;
}

/**
 * What an event says to people: alerts, and packets that an always-on check dropped. Null for all others, among them
 * packets that a rule dropped: its alert tells of that.
 */
export function eveNotice(line: EveLine): EveNotice | null {
  if (line.type !== 'alert' && line.type !== 'drop') return null;
  const { event } = line;
  if (event.alert !== undefined) return alertNotice(event, event.alert);
  const { check } = event.vpatch;
  return check === undefined || event.drop === undefined ? null : checkNotice(event, check);
}

function alertNotice(event: EveEvent, alert: EveAlert): EveNotice {
  const { action, gid, signature_id: sid, signature, severity } = alert;
  const isBlocked = action === 'blocked';
  const cves = event.vpatch.cve ?? [];
  return {
    kind: isBlocked ? 'blocks' : 'detections',
    severity,
    group: `${gid}:${sid} ${action} ${sourceOf(event)}`,
    title: `${isBlocked ? 'Blocked' : 'Detected'}: ${shortened(signature)}`,
    details: [
      ['rule', `${gid}:${sid}`],
      ['severity', String(severity)],
      ...(cves.length === 0 ? [] : [['CVE', shortened(cves.join(', '))] as const]),
      ...detailsOf(event),
    ],
    advice: `${explainAdvice(event)}. ${isBlocked ? EXCEPT_ADVICE : BLOCK_ADVICE}`,
    ...countOf(event),
  };
}

const EXCEPT_ADVICE = 'If it was harmless, "vpatch except add" lets it pass';
const BLOCK_ADVICE = 'It was not blocked: "vpatch mode prevent" has rules block that say drop';

const checkNotice = (event: EveEvent, check: string): EveNotice => ({
  kind: 'blocks',
  severity: CHECK_SEVERITY,
  group: `check ${check} ${sourceOf(event)}`,
  title: `Blocked: check ${check}`,
  details: [['check', check], ['severity', String(CHECK_SEVERITY)], ...detailsOf(event)],
  advice: `${explainAdvice(event)}. ${EXCEPT_ADVICE}`,
  ...countOf(event),
});

const explainAdvice = ({ flow_id: flowId }: EveEvent): string =>
  flowId === undefined ? '"vpatch explain" says why' : `"vpatch explain ${flowId}" says why`;

const sourceOf = (event: EveEvent): string =>
  event.vpatch.folded?.several_sources === true ? 'several sources' : (event.src_ip ?? 'unknown');

function detailsOf(event: EveEvent): [string, string][] {
  const { src_ip: source, src_port: sourcePort, dest_ip: destination, dest_port: port, vpatch } = event;
  const hasOneSource = vpatch.folded?.several_sources !== true;
  const protocol = [event.proto, event.app_proto].filter((name) => name !== undefined).join(', ');
  return [
    ['mode', vpatch.mode],
    ['source', hasOneSource ? endpoint(source, sourcePort) : 'several sources'],
    ['destination', endpoint(destination, port)],
    ['protocol', protocol],
  ];
}

function endpoint(address = 'unknown', port?: number): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const countOf = ({ timestamp, vpatch }: EveEvent): { count: number; timeMs: number } => ({
  count: vpatch.folded?.events ?? 1,
  timeMs: Date.parse(timestamp),
});

const shortened = (text: string): string =>
  text.length <= CHARACTERS_PER_TEXT ? text : `${text.slice(0, CHARACTERS_PER_TEXT)}...`;
