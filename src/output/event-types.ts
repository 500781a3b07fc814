import { forEachEveLine } from './eve-lines.ts';

/** Of EVE's types, those that we always write, and all of ordinary traffic as one. */
export const EVENT_TYPES = ['alert', 'drop', 'anomaly', 'stats', 'records'] as const;
export type EventType = (typeof EVENT_TYPES)[number];
export type EventTypes = 'all' | readonly EventType[];

/** Whole EVE lines, without those of other types. */
export function linesOfTypes(text: string, types: EventTypes): string {
  if (types === 'all') return text;
  let kept = '';
  forEachEveLine(text, (line, name) => {
    const type = EVENT_TYPES.find((known) => known === name) ?? 'records';
    if (types.includes(type)) kept += `${line}\n`;
  });
  return kept;
}
