import type { EveLine, EveLines } from './eve-lines.ts';

/** Of EVE's types, those that we always write, and all of ordinary traffic as one. */
export const EVENT_TYPES = ['alert', 'drop', 'anomaly', 'stats', 'records'] as const;
export type EventType = (typeof EVENT_TYPES)[number];
export type EventTypes = 'all' | readonly EventType[];

/** Those of the wanted types, in their order. */
export function linesOfTypes(lines: EveLines, types: EventTypes): EveLine[] {
  return Array.from(lines).filter(({ type }) => {
    const known = EVENT_TYPES.find((name) => name === type) ?? 'records';
    return types === 'all' || types.includes(known);
  });
}
