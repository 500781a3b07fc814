import type { NoticeKind } from '../../config/notify-settings.ts';

/**
 * Something that people should know. All texts may come from traffic or from rules: whoever shows them escapes them.
 */
export interface Notice {
  readonly kind: NoticeKind;
  /** Notices with the same one are told as one, with their number. */
  readonly group: string;
  /** One line. */
  readonly title: string;
  /** Label and value, as they are to be shown. */
  readonly details: readonly (readonly [label: string, value: string])[];
  /** What to do next. */
  readonly advice: string;
  /** Events that it stands for. */
  readonly count: number;
  readonly timeMs: number;
}

/** Notices of one group. */
export interface NoticeGroup {
  readonly notice: Notice;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What goes out at once. */
export interface Message {
  readonly timeMs: number;
  readonly groups: readonly NoticeGroup[];
  /** Events that belong here and found no place. */
  readonly leftOutEvents: number;
}
