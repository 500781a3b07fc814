import { readQueueStatistics } from '../base/native/queue-statistics.ts';
import type { Config, Mode } from '../config/config.ts';
import { mergeConfig } from '../config/overrides.ts';
import type { Logger } from '../output/log.ts';
import { type ControlAnswer, failed, type ParsedRequest } from './control-protocol.ts';
import { countedBehind, counterTotal } from './counter-totals.ts';
import type { OutputStatus } from './event-outputs.ts';
import type { EventTally } from './event-tally.ts';
import { ExceptionError, type ExceptionStore } from './exception-store.ts';
import type { HistoryStatus } from './history/history.ts';
import type { HostAddresses } from './host-variables.ts';
import type { Interception } from './interception.ts';
import type { PolicyKeeper, Reloaded } from './policy-keeper.ts';
import { RecentTroubles, type Troubles } from './recent-troubles.ts';
import type { QueueStatus, ServiceStatus, TopAnswer } from './status.ts';
import type { Supervisor } from './supervisor.ts';

export interface ServiceParts {
  readonly supervisor: Pick<
    Supervisor,
    | 'counters'
    | 'incidents'
    | 'isIntercepting'
    | 'latency'
    | 'mode'
    | 'pauses'
    | 'queues'
    | 'setExceptions'
    | 'setInterception'
    | 'setMode'
  >;
  readonly policies: PolicyKeeper;
  readonly exceptions: ExceptionStore;
  readonly interception: Interception;
  readonly firewallName: string;
  /** HOME_NET follows them. Null: it is what the configuration says. */
  readonly addresses: HostAddresses | null;
  readonly log: Logger;
  readonly now: () => number;
  /** Of the program. */
  readonly version: string;
  /** Event lines that were lost so far. */
  readonly lostLines: () => number;
  /** Of what the workers tell. */
  readonly tally: EventTally;
  readonly outputs: () => readonly OutputStatus[];
  /** Null: nothing is kept. */
  readonly history: () => HistoryStatus | null;
  /** Notifications that could not be delivered so far. Null: nobody is notified. */
  readonly lostMessages: () => number | null;
  /** When the next one is due. Null: none is planned. */
  readonly nextScanMs: () => number | null;
  /** Ends the service; `by` says who wants that. */
  readonly stop: (by: string) => void;
  /** Is told the headline when it changes. */
  readonly onChange: (headline: string) => void;
  /** Is told in one line what an administrator should know and may not have caused. */
  readonly onFailure: (what: string) => void;
}

/**
 * After new addresses the next look waits for so long: each time the rules are compiled again, and a neighbour can give
 * an IPv6 host new addresses as often as it likes.
 */
const ADDRESS_PAUSE_MS = 30_000;
/** Rules and sources in an answer to `top`: more than a terminal has lines. */
const TOP_TALLIES = 100;

/** The running service, as it can be asked and changed. */
export class InlineService {
  readonly #parts: ServiceParts;
  readonly #startedAtMs: number;
  #modeSinceMs: number;
  #interception: Interception;
  #nextAddressLookMs = 0;
  readonly #recent = new RecentTroubles();

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    this.#interception = parts.interception;
    this.#startedAtMs = parts.now();
    this.#modeSinceMs = this.#startedAtMs;
  }

  /** What it does, in one line. */
  get headline(): string {
    const { supervisor, policies } = this.#parts;
    return `${supervisor.mode} mode, ${policies.rules.loaded} rules, ruleset ${policies.version}`;
  }

  /** As the last reload left it. */
  get config(): Config {
    return this.#parts.policies.policy.config;
  }

  async answer(request: ParsedRequest, by: string): Promise<ControlAnswer> {
    switch (request.command) {
      case 'status':
        return { status: 'ok', result: this.status() };
      case 'top':
        return { status: 'ok', result: this.top() };
      case 'mode':
        return { status: 'ok', result: this.setMode(request.mode, by) };
      case 'reload': {
        const reloaded = await this.reload(request.force, by);
        return reloaded.status === 'ok' ? { status: 'ok', result: reloaded } : failed('problem', ...reloaded.reasons);
      }
      case 'except-list':
        return { status: 'ok', result: this.#parts.exceptions.all };
      case 'except-add':
        return this.#changeExceptions(by, (store, nowMs) => store.add(request.exception, nowMs));
      case 'except-remove':
        return this.#changeExceptions(by, (store) => store.remove(request.ids));
      case 'stop':
        this.#parts.stop(by);
        return { status: 'ok', result: { pid: process.pid } };
      default:
        return request satisfies never;
    }
  }

  /** Until the next start, or a reload of a configuration that says something else than the last one did. */
  setMode(mode: Mode, by: string): { readonly mode: Mode; readonly before: Mode } {
    const { supervisor, log, now } = this.#parts;
    const before = supervisor.mode;
    if (mode !== before) {
      supervisor.setMode(mode);
      this.#modeSinceMs = now();
      log.info(`${mode} mode from now on, as ${by} wants it`);
      this.#parts.onChange(this.headline);
    }
    return { mode, before };
  }

  #changeExceptions(by: string, change: (store: ExceptionStore, nowMs: number) => unknown): ControlAnswer {
    const { exceptions, supervisor, log, now } = this.#parts;
    try {
      const result = change(exceptions, now());
      supervisor.setExceptions(exceptions.all);
      log.info({ exceptions: result }, `exceptions changed (${by}), there are ${exceptions.all.length}`);
      return { status: 'ok', result };
    } catch (error) {
      if (!(error instanceof ExceptionError)) throw error;
      return failed('problem', error.message);
    }
  }

  /** See PolicyKeeper. Never rejects. */
  async reload(isForced: boolean, by: string): Promise<Reloaded> {
    const { policies, log } = this.#parts;
    const modeBefore = policies.policy.config.mode;
    const reloaded = await policies.reload(isForced);
    if (reloaded.status === 'refused') {
      log.error({ reasons: reloaded.reasons }, `reload refused, everything stays as it was (${by})`);
      this.#parts.onFailure(`reload refused, everything stays as it was: ${reloaded.reasons.join('; ')}`);
      return reloaded;
    }
    const { mode, log: logSettings } = policies.policy.config;
    log.level = logSettings.level;
    if (mode !== modeBefore) this.setMode(mode, 'the configuration');
    this.#followInterception();
    this.#parts.onChange(this.headline);
    const { version, rules, waiting, isChanged } = reloaded;
    const what = isChanged
      ? `ruleset ${version} in use, ${rules.loaded} rules`
      : `nothing to change, ruleset ${version}`;
    const later = waiting.length === 0 ? '' : `; from the next start on: ${waiting.join(', ')}`;
    log.info(`reloaded (${by}): ${what}${later}`);
    return reloaded;
  }

  /** Looks whether the host has new addresses, which rules for $HOME_NET then protect too. Waits for a program. */
  async followAddresses(): Promise<void> {
    const { addresses, policies, log, now } = this.#parts;
    if (addresses === null || now() < this.#nextAddressLookMs) return;
    const added = addresses.refresh();
    if (added.length === 0) return;
    this.#nextAddressLookMs = now() + ADDRESS_PAUSE_MS;
    const { homeNet } = addresses;
    const changed = await policies.reconfigure((config) =>
      mergeConfig(config, { variables: { addresses: { HOME_NET: homeNet } } }),
    );
    if (changed.status === 'refused') {
      const what = `new addresses are not in $HOME_NET yet: ${changed.reasons.join('; ')}`;
      log.error(what);
      this.#parts.onFailure(what);
    } else log.info(`this host has new addresses, which rules for $HOME_NET now protect too: ${added.join(', ')}`);
  }

  /** Between two calls, what went wrong is as if it had been at the second. */
  noteTroubles(): void {
    this.#recent.note(this.#parts.now(), this.#troubles(queueStates(this.#parts.supervisor)));
  }

  #troubles(queues: readonly QueueStatus[]): Troubles {
    const { supervisor, lostLines, lostMessages } = this.#parts;
    const { restarts, lostRules, failedPackets, overflows } = supervisor.incidents;
    const overflowed = queues.reduce((sum, queue) => sum + (queue.overflowed ?? 0), 0);
    return {
      overflowed,
      overflows,
      lostLines: lostLines(),
      lostMessages: lostMessages() ?? 0,
      restarts,
      lostRules,
      failedPackets,
    };
  }

  status(): ServiceStatus {
    const { supervisor, policies, firewallName, version, now, lostLines, outputs, history } = this.#parts;
    const { config } = policies.policy;
    const { counters, incidents } = supervisor;
    const total = (name: string): number => counterTotal(counters, name);
    const { hooks, interfaces, managementPorts, failure } = this.#interception;
    const queues = queueStates(supervisor);
    const lostMessages = this.#parts.lostMessages();
    const nextScanMs = this.#parts.nextScanMs();
    this.#recent.note(now(), this.#troubles(queues));
    return {
      version,
      pid: process.pid,
      mode: supervisor.mode,
      modeSince: isoTime(this.#modeSinceMs),
      startedAt: isoTime(this.#startedAtMs),
      uptimeSeconds: Math.floor((now() - this.#startedAtMs) / 1000),
      ruleset: rulesetStatus(policies, total('detect.rules_parked')),
      interception: {
        isActive: supervisor.isIntercepting,
        firewall: firewallName,
        hooks,
        interfaces,
        managementPorts,
        failure,
      },
      traffic: trafficStatus(counters),
      latency: supervisor.latency,
      pauses: supervisor.pauses,
      queues,
      flows: {
        active: total('flow.active'),
        total: total('flow.total'),
        bypassed: total('flow.bypassed'),
        bypassedTotal: total('flow.bypassed_total'),
      },
      memory: {
        residentBytes: process.memoryUsage.rss(),
        reassemblyBytes: total('tcp.reassembly_memuse'),
        fragmentBytes: total('defrag.memuse'),
      },
      events: { file: config.outputs.eve.file, lostLines: lostLines(), outputs: outputs() },
      notify: lostMessages === null ? null : { lostMessages },
      nextScan: nextScanMs === null ? null : isoTime(nextScanMs),
      history: history(),
      incidents,
      recent: this.#recent.sums,
    };
  }

  top(): TopAnswer {
    return { status: this.status(), events: this.#parts.tally.top(TOP_TALLIES) };
  }

  #followInterception(): void {
    const { queue } = this.#parts.policies.policy.config;
    const { interfaces, managementPorts } = queue;
    const wanted = { ...this.#interception, interfaces, managementPorts };
    if (JSON.stringify(wanted) === JSON.stringify(this.#interception)) return;
    this.#interception = wanted;
    this.#parts.supervisor.setInterception(wanted);
  }
}

function rulesetStatus({ version, policy, loadedAtMs, rules }: PolicyKeeper, parked: number): ServiceStatus['ruleset'] {
  const { loaded, byAction, held, refused, warnings } = rules;
  return {
    version,
    assigned: policy.assigned,
    loadedAt: isoTime(loadedAtMs),
    rules: { loaded, ...byAction, held, refused: refused.length, warnings, parked },
  };
}

function trafficStatus(counters: readonly Float64Array[]): ServiceStatus['traffic'] {
  const total = (name: string): number => counterTotal(counters, name);
  return {
    packets: total('decoder.pkts'),
    bytes: total('decoder.bytes'),
    accepted: total('ips.accepted'),
    dropped: total('ips.blocked'),
    alerts: total('detect.alert'),
    excepted: total('detect.excepted'),
    dropsByReason: countedBehind(counters, 'ips.drop_reason.'),
    checks: countedBehind(counters, 'check.'),
  };
}

function queueStates({ queues }: Pick<Supervisor, 'queues'>): QueueStatus[] {
  const listed = new Map(readQueueStatistics().map((row) => [row.queue, row]));
  return queues.map(({ queue, isInspecting }) => {
    const row = listed.get(queue);
    return {
      queue,
      isInspecting,
      waiting: row?.waiting ?? null,
      overflowed: row === undefined ? null : row.queueDropped + row.userDropped,
      beyondSocket: row?.userDropped ?? null,
    };
  });
}

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString();
