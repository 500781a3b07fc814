import type { FailureMode, Hook, Mode } from '../config/config.ts';
import type { OutputStatus } from './event-outputs.ts';
import type { TallyReport } from './event-tally.ts';
import type { HistoryStatus } from './history/history.ts';
import type { LatencyFigures } from './latency.ts';
import type { PauseFigures } from './pauses.ts';
import type { Troubles } from './recent-troubles.ts';
import type { Incidents } from './supervisor.ts';

/** What `vpatch status --json` prints. Times are ISO 8601. */
export interface ServiceStatus {
  readonly version: string;
  readonly pid: number;
  readonly mode: Mode;
  readonly modeSince: string;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly ruleset: {
    /** The same for the same rules, lists and settings that packets are judged by. */
    readonly version: string;
    /** Of what a scan has assigned, as in `vpatch policy list`. Null: nothing of it is loaded. */
    readonly assigned: string | null;
    readonly loadedAt: string;
    readonly rules: {
      readonly loaded: number;
      readonly alert: number;
      readonly drop: number;
      readonly reject: number;
      readonly pass: number;
      /** Of those that would block, the ones that are held. */
      readonly held: number;
      readonly refused: number;
      readonly warnings: number;
      /** In any worker, those that are not tried now, since traffic has made them too dear. */
      readonly parked: number;
    };
  };
  readonly interception: {
    /** False: a worker is missing, or the firewall refuses our rules. */
    readonly isActive: boolean;
    readonly firewall: string;
    readonly hooks: readonly Hook[];
    /** Empty: all but loopback. */
    readonly interfaces: readonly string[];
    readonly managementPorts: readonly number[];
    readonly failure: FailureMode;
  };
  readonly traffic: {
    readonly packets: number;
    readonly bytes: number;
    readonly accepted: number;
    readonly dropped: number;
    readonly alerts: number;
    /** Matches of rules that an exception took back. */
    readonly excepted: number;
    /** Only those that happened. */
    readonly dropsByReason: Readonly<Record<string, number>>;
    /** How often an always-on check found something, whatever became of it. */
    readonly checks: Readonly<Record<string, number>>;
  };
  /** From the hand-over of a batch of packets to its verdicts. */
  readonly latency: LatencyFigures;
  readonly pauses: PauseFigures;
  readonly queues: readonly QueueStatus[];
  /** `bypassed` of those that are active: the kernel goes on with them by itself. `bypassedTotal`: since the start. */
  readonly flows: {
    readonly active: number;
    readonly total: number;
    readonly bypassed: number;
    readonly bypassedTotal: number;
  };
  readonly memory: { readonly residentBytes: number; readonly reassemblyBytes: number; readonly fragmentBytes: number };
  readonly events: {
    readonly file: string | null;
    /** By all outputs, and on the way to them. */
    readonly lostLines: number;
    readonly outputs: readonly OutputStatus[];
  };
  /** Of mail and webhook, those that could not be delivered. Null: nobody is notified. */
  readonly notify: { readonly lostMessages: number } | null;
  /** When the next one is due. Null: none is planned. */
  readonly nextScan: string | null;
  /** Null: nothing is kept for `vpatch events`. */
  readonly history: HistoryStatus | null;
  readonly incidents: Incidents;
  /** Of the last `RecentTroubles.windowMinutes`. */
  readonly recent: Troubles;
}

/** What `vpatch top` asks for. */
export interface TopAnswer {
  readonly status: ServiceStatus;
  readonly events: TallyReport;
}

export interface QueueStatus {
  readonly queue: number;
  readonly isInspecting: boolean;
  /** Packets that wait for a verdict now; null where the kernel does not list the queue. */
  readonly waiting: number | null;
  /**
   * Packets that the kernel dropped since the queue or its socket was full; with fail open see `Incidents.overflows`.
   */
  readonly overflowed: number | null;
  /** Of them, those for which the socket had no room. */
  readonly beyondSocket: number | null;
}
