import { counted } from '../../base/counted.ts';
import type { NoticeKind } from '../../config/notify-settings.ts';
import { withoutControls } from '../../output/log.ts';
import type { Message, NoticeGroup } from './notice.ts';
import type { Rendered } from './transport.ts';

export interface RenderOptions {
  /** The name of this host. */
  readonly host: string;
  /** Messages before this one that did not get through. */
  readonly lostMessages: number;
}

const MAX_SUBJECT_CHARACTERS = 150;

/** In the order in which people should read them. */
const KINDS: readonly NoticeKind[] = ['failures', 'scan', 'blocks', 'detections'];

/** A message as mail and webhook send it. */
export function renderMessage(message: Message, options: RenderOptions): Rendered {
  const groups = KINDS.flatMap((kind) => message.groups.filter(({ notice }) => notice.kind === kind));
  const remarks = remarksOf(message, options);
  const subject = subjectOf(groups, options.host);
  return {
    subject,
    text: textOf(groups, remarks, options.host),
    html: htmlOf(groups, remarks, subject),
    data: {
      host: options.host,
      time: isoTime(message.timeMs),
      notices: groups.map(({ notice, count, firstMs, lastMs }) => ({
        kind: notice.kind,
        title: notice.title,
        count,
        first: isoTime(firstMs),
        last: isoTime(lastMs),
        details: Object.fromEntries(notice.details),
        advice: notice.advice,
      })),
      left_out_events: message.leftOutEvents,
      lost_messages: options.lostMessages,
    },
  };
}

function subjectOf(groups: readonly NoticeGroup[], host: string): string {
  const [first] = groups;
  const more = groups.length > 1 ? ` (and ${groups.length - 1} more)` : '';
  const title = withoutControls((first?.notice.title ?? '').replaceAll('\t', ' '));
  const room = MAX_SUBJECT_CHARACTERS - more.length;
  const subject = `[vpatch ${host}] ${title}`;
  return `${subject.length <= room ? subject : `${subject.slice(0, room - 3)}...`}${more}`;
}

function remarksOf({ leftOutEvents }: Message, { lostMessages }: RenderOptions): string[] {
  return [
    ...(leftOutEvents === 0 ? [] : [`${counted(leftOutEvents, 'event')} of other rules and sources left out.`]),
    ...(lostMessages === 0 ? [] : [`${counted(lostMessages, 'message')} before this one could not be delivered.`]),
  ];
}

function textOf(groups: readonly NoticeGroup[], remarks: readonly string[], host: string): string {
  const lines = [`vpatch on ${host}:`, ''];
  for (const group of groups) {
    lines.push(group.notice.title, ...rowsOf(group).map(([label, value]) => `  ${label}: ${value}`));
    lines.push(`  ${group.notice.advice}.`, '');
  }
  return [...lines, ...remarks].map((line) => `${withoutControls(line)}\n`).join('');
}

/** Without images, links or scripts: nothing is fetched when it is read. */
function htmlOf(groups: readonly NoticeGroup[], remarks: readonly string[], subject: string): string {
  const sections = groups.map((group) => {
    const rows = rowsOf(group).map(
      ([label, value]) => `<tr><th align="left" valign="top">${escaped(label)}</th><td>${escaped(value)}</td></tr>`,
    );
    const { title, advice } = group.notice;
    return `<h3>${escaped(title)}</h3>\n<table>\n${rows.join('\n')}\n</table>\n<p>${escaped(advice)}.</p>`;
  });
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><title>${escaped(subject)}</title></head>`,
    '<body style="font-family: sans-serif">',
    ...sections,
    ...remarks.map((remark) => `<p>${escaped(remark)}</p>`),
    '</body></html>\n',
  ].join('\n');
}

function rowsOf({ notice, count, firstMs, lastMs }: NoticeGroup): (readonly [string, string])[] {
  const when = firstMs === lastMs ? isoTime(firstMs) : `${isoTime(firstMs)} to ${isoTime(lastMs)}`;
  return [...notice.details, ...(count === 1 ? [] : [['count', String(count)] as const]), ['time', when]];
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string =>
  withoutControls(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString();
