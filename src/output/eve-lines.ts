import type { Mode } from '../verdict/judge.ts';

/** Reads events that EveWriter wrote, as they come. */
export interface EventReader {
  /** Never waits for anybody. */
  read(lines: EveLines): void;
}

/** Whole EVE lines, each with its line feed, as text and one by one: taken apart once for all who read them. */
export class EveLines implements Iterable<EveLine> {
  readonly text: string;
  #lines: readonly EveLine[] | null = null;

  constructor(text: string) {
    this.text = text;
  }

  [Symbol.iterator](): Iterator<EveLine> {
    this.#lines ??= linesIn(this.text);
    return this.#lines[Symbol.iterator]();
  }
}

/** One line, without its line feed. */
export class EveLine {
  readonly text: string;
  /** Its `event_type`; empty: it has none. */
  readonly type: string;
  #event: EveEvent | null = null;

  constructor(text: string) {
    this.text = text;
    this.type = TYPE.exec(text)?.[1] ?? '';
  }

  /** Parsed when it is first asked for. Throws SyntaxError where the line is no JSON, which EveWriter never writes. */
  get event(): EveEvent {
    this.#event ??= JSON.parse(this.text) as EveEvent;
    return this.#event;
  }
}

/** What EveWriter writes, as far as we read it again. docs/events.md has all of it. */
export interface EveEvent {
  readonly timestamp: string;
  readonly flow_id?: number;
  readonly src_ip?: string;
  readonly src_port?: number;
  readonly dest_ip?: string;
  readonly dest_port?: number;
  readonly proto?: string;
  readonly app_proto?: string;
  readonly alert?: EveAlert;
  readonly drop?: { readonly reason: string };
  readonly http?: { readonly hostname?: string; readonly url?: string; readonly http_method?: string };
  readonly vpatch: {
    readonly mode: Mode;
    readonly would_block?: boolean;
    readonly check?: string;
    readonly gid?: number;
    readonly signature_id?: number;
    readonly cve?: readonly string[];
    readonly folded?: { readonly events: number; readonly several_sources?: boolean };
  };
}

export interface EveAlert {
  readonly action: 'allowed' | 'blocked';
  readonly gid: number;
  readonly signature_id: number;
  readonly rev: number;
  readonly signature: string;
  readonly category: string;
  /** 1 is the most severe. */
  readonly severity: number;
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
}

/** How many lines end in it. */
export function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** The first one of a line is its own: quotes in what comes from traffic are escaped. */
const TYPE = /"event_type":"([^"]+)"/;

function linesIn(text: string): EveLine[] {
  const lines: EveLine[] = [];
  for (let start = 0; start < text.length; ) {
    const lineFeed = text.indexOf('\n', start);
    const end = lineFeed < 0 ? text.length : lineFeed;
    lines.push(new EveLine(text.slice(start, end)));
    start = end + 1;
  }
  return lines;
}
