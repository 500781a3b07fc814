import { type PacketSource, VERDICT, type Verdict } from '../capture/source.ts';
import { Packet } from '../wire/packet.ts';

/** What the loop needs of a pipeline. */
export interface Inspector {
  process(packet: Packet): Verdict;
  /**
   * Of the packet just processed: 0, or the bit by which the firewall knows what to do with it instead, and with which
   * it is to be accepted in any case.
   */
  readonly mark: number;
  /** `process` has thrown, and the packet has the source's own verdict. */
  noteFailure(): void;
  /** Up to now, packets may have passed uninspected. */
  noteLapse(nowMs: number): void;
  /** Forgets flows that have been silent for too long. True: there may be more of them. */
  expire(nowMs: number): boolean;
}

/** A source that waits in its thread and knows the time. */
export interface LiveSource extends PacketSource {
  /** When the last `receive` returned. */
  readonly timeMs: number;
  /** Since then. */
  elapsedMs(): number;
  /** Before or among the packets of the last `receive`, others may have passed unseen. */
  readonly hasOverflowed: boolean;
}

export interface LoopHooks {
  /** After every wait without packets, and after two batches at most. False ends the loop. */
  onTurn(): boolean;
  /** `onTurn` has more to do: look for packets, but do not wait for them. */
  isBusy(): boolean;
  /** Something that needs the thread's event loop, which otherwise never turns. Null, nearly always: nothing. */
  pause(): Promise<void> | null;
  /** True once for each time that packets may have passed while nothing was handed to this queue. */
  takeLapse(): boolean;
  /** From `onReceived` to `onWorked`, the thread does not look for packets. */
  onReceived(): void;
  onWorked(): void;
  /** A batch of so many packets was answered, `tookMs` after it had come. */
  onAnswered(count: number, tookMs: number): void;
  /** The inspector threw at a packet, which therefore has the source's own verdict. */
  onFailure(error: unknown): void;
}

/** How long the thread sleeps at most before it looks for commands. */
const WAIT_MS = 100;
/** Flows live for seconds at least; looking for the silent ones more often finds none. */
const EXPIRE_INTERVAL_MS = 250;
/** After its rules are gone, a queue that stays silent for this long gets nothing more. */
const DRAIN_QUIET_MS = 100;
/** A queue that does not fall silent has rules of somebody else: it is closed nevertheless. */
const DRAIN_LIMIT_MS = 3_000;

/**
 * Receives, judges and answers, until `onTurn` says stop. Blocks its thread, save for what `pause` asks for. What was
 * let in often makes the kernel itself answer, before `flush` returns: so it looks once more before it does anything
 * else.
 */
export async function inspect(source: LiveSource, inspector: Inspector, hooks: LoopHooks): Promise<void> {
  const packet = new Packet();
  let expiredAtMs = 0;
  let hasMoreToExpire = false;
  let isSecondLook = false;
  for (let goesOn = true; goesOn; ) {
    const count = source.receive(isSecondLook || hasMoreToExpire || hooks.isBusy() ? 0 : WAIT_MS);
    hooks.onReceived();
    judgeBatch(source, count, inspector, packet, hooks);
    isSecondLook = count > 0 && !isSecondLook;
    if (!isSecondLook) {
      const nowMs = source.timeMs;
      // Also when the clock has been set back. While packets come, the inspector sees to it with them.
      if (Math.abs(nowMs - expiredAtMs) >= EXPIRE_INTERVAL_MS || (hasMoreToExpire && count === 0)) {
        expiredAtMs = nowMs;
        hasMoreToExpire = expire(inspector, nowMs, hooks);
      }
      const pause = hooks.pause();
      if (pause !== null) await pause;
      goesOn = hooks.onTurn();
    }
    hooks.onWorked();
  }
}

/** Answers what still waits: closing a queue drops it. */
export function drain(source: LiveSource, inspector: Inspector, hooks: LoopHooks): void {
  const packet = new Packet();
  const startedAtMs = source.timeMs;
  for (;;) {
    const count = source.receive(DRAIN_QUIET_MS);
    judgeBatch(source, count, inspector, packet, hooks);
    if (count === 0 || Math.abs(source.timeMs - startedAtMs) > DRAIN_LIMIT_MS) return;
    hooks.onTurn();
  }
}

function judgeBatch(source: LiveSource, count: number, inspector: Inspector, packet: Packet, hooks: LoopHooks): void {
  if (hooks.takeLapse() || source.hasOverflowed) inspector.noteLapse(source.timeMs);
  if (count === 0) return;
  let row = 0;
  while (row < count) {
    // A failure concerns one packet: the others of its batch are inspected as ever.
    try {
      for (; row < count; row++) {
        source.read(row, packet);
        const verdict = inspector.process(packet);
        const { mark } = inspector;
        if (mark === 0) source.decide(row, verdict, 0);
        else source.decide(row, VERDICT.accept, (packet.mark | mark) >>> 0);
      }
    } catch (error) {
      row++;
      inspector.noteFailure();
      hooks.onFailure(error);
    }
  }
  source.flush();
  hooks.onAnswered(count, source.elapsedMs());
}

function expire(inspector: Inspector, nowMs: number, hooks: LoopHooks): boolean {
  try {
    return inspector.expire(nowMs);
  } catch (error) {
    hooks.onFailure(error);
    return false;
  }
}
