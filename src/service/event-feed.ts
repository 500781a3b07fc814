import { EveLines, type EventReader } from '../output/eve-lines.ts';

/** Hands the events of the workers to all who read them. */
export class EventFeed {
  readonly #readers: EventReader[];

  /** Null: a reader that is not wanted. */
  constructor(readers: readonly (EventReader | null)[]) {
    this.#readers = readers.filter((reader) => reader !== null);
  }

  add(reader: EventReader): void {
    this.#readers.push(reader);
  }

  /** Whole EVE lines. */
  publish(text: string): void {
    const lines = new EveLines(text);
    for (const reader of this.#readers) reader.read(lines);
  }
}
