import type { Packet } from '../wire/packet.ts';
import { timestamp } from './timestamp.ts';

/** One event as it will be written. */
export type EveRecord = Readonly<Record<string, unknown>>;

export interface FoldingSettings {
  /** Events of one kind from one source that are written one by one; what follows them is counted. */
  readonly singleEvents: number;
  /** After so long, one line tells what was counted; a source that was silent for so long begins anew. */
  readonly periodMs: number;
  /** Of each type, events written one by one, over all kinds and sources. */
  readonly maxPerSecond: number;
}

/** So that a flood of one does not hide the others. */
export type FoldedType = 'alert' | 'anomaly' | 'drop';

/** Kinds and sources that are remembered. Deep Security's "Number of Event Nodes". */
const MAX_NODES = 20_000;
/** How often is looked whose period is over. */
const SWEEP_INTERVAL_MS = 1000;
/** What one call does of a sweep, so that no packet waits for the lines of thousands of sources: about 1 ms. */
const MAX_SWEPT_NODES = 512;
const MAX_SWEPT_LINES = 64;
const SECOND_MS = 1000;

/**
 * Keeps a flood from writing a line for each of its packets, and loses no event: whatever is not written itself is
 * counted in a line of its kind, `vpatch.folded`. For live traffic; memory is bounded whatever comes.
 */
export class EventFolder {
  readonly #write: (record: EveRecord) => void;
  readonly #settings: FoldingSettings;
  /** By kind and source. */
  readonly #nodes = new Map<string, Node>();
  /** By kind: events of sources for which there was no room or no time. */
  readonly #others = new Map<string, Node>();
  #nextSweepMs = 0;
  /** What is left of the sweep that has begun. */
  #sweep: Iterator<SweptNode> | null = null;
  #lines = 0;
  readonly #seconds: Readonly<Record<FoldedType, { startMs: number; written: number }>> = {
    alert: { startMs: 0, written: 0 },
    anomaly: { startMs: 0, written: 0 },
    drop: { startMs: 0, written: 0 },
  };

  constructor(write: (record: EveRecord) => void, settings: FoldingSettings) {
    this.#write = write;
    this.#settings = settings;
  }

  /** `what` has no more values than there are rules and checks. `build` is called where a line needs the record. */
  tell(type: FoldedType, what: string, packet: Packet, build: () => EveRecord): void {
    const nowMs = packet.timeMs;
    this.elapse(nowMs);
    const kind = `${type} ${what}`;
    const key = `${kind} ${sourceKey(packet)}`;
    const known = this.#nodes.get(key);
    const mayHaveMore =
      known === undefined ? this.#nodes.size < MAX_NODES : known.written < this.#settings.singleEvents;
    if (mayHaveMore && this.#mayWrite(type, nowMs)) {
      const node = known ?? nodeOf(this.#nodes, key, nowMs);
      node.written++;
      this.#write(build());
      return;
    }
    const node = known ?? nodeOf(this.#others, kind, nowMs);
    node.record ??= build();
    if (node.folded === 0) node.firstMs = nowMs;
    node.lastMs = nowMs;
    node.folded++;
  }

  /**
   * Writes some of what was counted and is due. Cheap when nothing is; to be called now and then when no event comes:
   * what is due at the same time needs several calls.
   */
  elapse(nowMs: number): void {
    this.#sweep ??= this.#beginSweep(nowMs);
    if (this.#sweep === null) return;
    this.#lines = 0;
    for (let swept = 0; swept < MAX_SWEPT_NODES && this.#lines < MAX_SWEPT_LINES; swept++) {
      const { value, done } = this.#sweep.next();
      if (done === true) {
        this.#sweep = null;
        return;
      }
      const { nodes, key, node } = value;
      if (this.#isOver(node, nowMs, nodes === this.#others)) nodes.delete(key);
    }
  }

  /** Writes everything that was counted. */
  close(): void {
    for (const node of this.#nodes.values()) this.#writeFolded(node, false);
    for (const node of this.#others.values()) this.#writeFolded(node, true);
    this.#nodes.clear();
    this.#others.clear();
  }

  #beginSweep(nowMs: number): Iterator<SweptNode> | null {
    // A clock that was set back must not silence us.
    if (nowMs < this.#nextSweepMs && nowMs >= this.#nextSweepMs - SWEEP_INTERVAL_MS) return null;
    this.#nextSweepMs = nowMs + SWEEP_INTERVAL_MS;
    return this.#everyNode();
  }

  /** In maps that change meanwhile: what goes is left out, what comes is met at the end. */
  *#everyNode(): Generator<SweptNode, undefined> {
    for (const nodes of [this.#nodes, this.#others]) for (const [key, node] of nodes) yield { nodes, key, node };
  }

  #mayWrite(type: FoldedType, nowMs: number): boolean {
    const second = this.#seconds[type];
    if (Math.abs(nowMs - second.startMs) >= SECOND_MS) {
      second.startMs = nowMs;
      second.written = 0;
    }
    if (second.written >= this.#settings.maxPerSecond) return false;
    second.written++;
    return true;
  }

  /** Was it silent for a whole period? If not, its next period begins. */
  #isOver(node: Node, nowMs: number, isOfSeveralSources: boolean): boolean {
    if (Math.abs(nowMs - node.startMs) < this.#settings.periodMs) return false;
    if (node.folded === 0 && node.written === node.writtenBefore) return true;
    this.#writeFolded(node, isOfSeveralSources);
    node.startMs = nowMs;
    node.writtenBefore = node.written;
    return false;
  }

  #writeFolded(node: Node, isOfSeveralSources: boolean): void {
    if (node.record === null) return;
    this.#lines++;
    const { vpatch } = node.record;
    this.#write({
      ...node.record,
      timestamp: timestamp(node.lastMs),
      vpatch: {
        ...(vpatch as object),
        folded: {
          events: node.folded,
          since: timestamp(node.firstMs),
          ...(isOfSeveralSources && { several_sources: true }),
        },
      },
    });
    node.record = null;
    node.folded = 0;
  }
}

interface Node {
  startMs: number;
  /** Written one by one, and of these before the period began. */
  written: number;
  writtenBefore: number;
  /** Counted since the last line about it: how many, the first of them, and when the first and the last came. */
  folded: number;
  record: EveRecord | null;
  firstMs: number;
  lastMs: number;
}

/** A node, and where it is kept. */
interface SweptNode {
  readonly nodes: Map<string, Node>;
  readonly key: string;
  readonly node: Node;
}

function sourceKey({ ipVersion, source }: Packet): string {
  if (ipVersion === 0) return '';
  return ipVersion === 4 ? `${source[3]}` : source.join('.');
}

function nodeOf(nodes: Map<string, Node>, key: string, nowMs: number): Node {
  let node = nodes.get(key);
  if (node === undefined) {
    node = { startMs: nowMs, written: 0, writtenBefore: 0, folded: 0, record: null, firstMs: nowMs, lastMs: nowMs };
    nodes.set(key, node);
  }
  return node;
}
