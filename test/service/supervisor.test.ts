import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { QueueStatistics } from '../../src/base/native/queue-statistics.ts';
import { DEFAULTS, type FailureMode } from '../../src/config/config.ts';
import { DatasetHub } from '../../src/service/dataset-hub.ts';
import type { Firewall } from '../../src/service/firewall.ts';
import type { Interception } from '../../src/service/interception.ts';
import type { CheckedPolicy } from '../../src/service/policy.ts';
import { Supervisor } from '../../src/service/supervisor.ts';
import type { WorkerCommand, WorkerSettings } from '../../src/service/worker-messages.ts';
import type { Thread, ThreadEnd, ThreadHooks } from '../../src/service/worker-thread.ts';
import { INTERCEPTION } from '../support/interception.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const FIREWALL_CHECK_MS = 3_000;
const NO_RULES = { files: [], classification: null, reference: null, threshold: null, reputation: null };
/** Both workers are told that packets may have passed. */
const LAPSE = ['lapse 0', 'lapse 1'];

const checked = (): CheckedPolicy => ({
  config: DEFAULTS,
  rules: NO_RULES,
  image: new Uint8Array(new SharedArrayBuffer(0)),
  datasets: ['s'],
});

class FakeThread implements Thread {
  readonly ready: Promise<void>;
  readonly ended: Promise<ThreadEnd>;
  readonly commands: WorkerCommand[] = [];
  lostLines = 0;
  failedPackets = 0;
  overflows = 0;
  hangs = false;
  hasObeyed = true;
  answeredPackets = 0;
  onLapse: () => void = () => {};
  settlePreparation: (problem: string | null) => void = () => {};
  #heartbeat = 0;
  #end: (end: ThreadEnd) => void = () => {};

  constructor(readyError: Error | null) {
    this.ready = readyError === null ? Promise.resolve() : Promise.reject(readyError);
    this.ready.catch(() => {});
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get heartbeat(): number {
    if (!this.hangs) this.#heartbeat++;
    return this.#heartbeat;
  }
  command(command: WorkerCommand): void {
    this.commands.push(command);
    if (command.type === 'stop') this.#end({ isOrderly: true });
  }
  prepare(checked: CheckedPolicy): Promise<void> {
    this.command({ type: 'prepare', checked });
    return new Promise((resolve, reject) => {
      this.settlePreparation = (problem) => (problem === null ? resolve() : reject(new Error(problem)));
    });
  }
  noteLapse(): void {
    this.onLapse();
  }
  async kill(): Promise<void> {
    this.die('killed');
  }
  die(reason: string): void {
    this.#end({ isOrderly: false, reason });
  }
}

function setUp(failure: FailureMode, queueCount = 2) {
  const threads: FakeThread[] = [];
  /** What happened to the firewall and to threads, in order. */
  const story: string[] = [];
  const firewall: Firewall & { inPlace: boolean } = {
    name: 'fake',
    families: [4, 6],
    canReject: true,
    canBypass: true,
    canSeePorts: true,
    inPlace: false,
    install() {
      story.push('install');
      this.inPlace = true;
    },
    remove() {
      story.push('remove');
      this.inPlace = false;
    },
    dispose: () => void story.push('dispose'),
    isInPlace() {
      return this.inPlace;
    },
    installedQueues: () => null,
  };
  const startErrors: Error[] = [];
  /** Thrown instead of making a thread. */
  const makeErrors: Error[] = [];
  const started: WorkerSettings[] = [];
  const interception: Interception = { ...INTERCEPTION, queueCount, failure, rejectMark: 4 };
  const queues: QueueStatistics[] = [];
  const failures: string[] = [];
  const threadHooks: ThreadHooks[] = [];
  const datasets = new DatasetHub('/nonexistent', pino({ level: 'silent' }));
  const supervisor = new Supervisor({
    policy: checked(),
    exceptions: [],
    firewall,
    interception,
    counterBytes: 8,
    datasets,
    log: pino({ level: 'silent' }),
    onEvents() {},
    onFailure: (what) => void failures.push(what),
    onStuck: () => void story.push('stuck'),
    readQueues: () => queues,
    recall: () => void story.push('recall'),
    startThread: (settings, hooks) => {
      threadHooks.push(hooks);
      story.push(`start ${settings.queue}`);
      started.push(settings);
      const makeError = makeErrors.shift();
      if (makeError !== undefined) throw makeError;
      const thread = new FakeThread(startErrors.shift() ?? null);
      thread.onLapse = () => void story.push(`lapse ${settings.queue}`);
      threads.push(thread);
      return thread;
    },
  });
  return {
    supervisor,
    threads,
    firewall,
    story,
    startErrors,
    makeErrors,
    started,
    interception,
    queues,
    failures,
    threadHooks,
  };
}

test('queues first, then the rules; the rules go first at the end', async () => {
  const { supervisor, threads, story } = setUp('open');
  await supervisor.start();
  expect(story).toEqual(['start 0', 'start 1', 'install']);
  await supervisor.stop();
  expect(story.slice(3)).toEqual(['remove', 'recall', 'dispose']);
  expect(threads.map(({ commands }) => commands)).toEqual([[{ type: 'stop' }], [{ type: 'stop' }]]);
});

test('bypassed connections that come back may have been forgotten meanwhile: they are followed, not dropped', async () => {
  const { supervisor, story } = setUp('open');
  await supervisor.start();
  story.length = 0;
  supervisor.setMode('prevent');
  await vi.waitFor(() => expect(story).toContain('recall'), { timeout: 10_000 });
  expect(story).toEqual([...LAPSE, 'recall']);
  await supervisor.stop();
});

test('a queue that cannot be had: no rule is installed, and no thread is left', async () => {
  const { supervisor, threads, startErrors, story } = setUp('closed');
  startErrors.push(new Error('NFQUEUE 0 is taken'));
  await expect(supervisor.start()).rejects.toThrow('NFQUEUE 0 is taken');
  expect(story).toEqual(['start 0', 'start 1']);
  await expect(threads[1]!.ended).resolves.toEqual({ isOrderly: false, reason: 'killed' });
});

test('a worker that ends while others are starting is a start that failed', async () => {
  const { supervisor, threads, story } = setUp('closed');
  const begun = supervisor.start();
  // Its queue was ready, and nobody would ever start it again.
  threads[0]!.die('out of memory');
  await expect(begun).rejects.toThrow('the worker of queue 0 ended while others were starting');
  expect(story).toEqual(['start 0', 'start 1']);
  await expect(threads[1]!.ended).resolves.toEqual({ isOrderly: false, reason: 'killed' });
});

test('a firewall that refuses leaves no half of its rules', async () => {
  const { supervisor, firewall, story } = setUp('open');
  firewall.install = () => {
    throw new Error('no');
  };
  await expect(supervisor.start()).rejects.toThrow('no');
  expect(story).toEqual(['start 0', 'start 1', 'remove', 'dispose']);
});

test('rules that somebody removed and the firewall refuses: nothing is inspected, until it takes them', async () => {
  const { supervisor, firewall } = setUp('open');
  await supervisor.start();
  const { install } = firewall;
  expect(supervisor.isIntercepting).toBe(true);
  firewall.install = () => {
    throw new Error('no');
  };
  firewall.inPlace = false;
  await vi.advanceTimersByTimeAsync(FIREWALL_CHECK_MS);
  expect(supervisor.isIntercepting).toBe(false);
  firewall.install = install;
  await vi.advanceTimersByTimeAsync(FIREWALL_CHECK_MS);
  expect(supervisor.isIntercepting).toBe(true);
  await supervisor.stop();
});

describe('a worker that dies', () => {
  test('is told, and that there is one again', async () => {
    const { supervisor, threads, failures } = setUp('open');
    await supervisor.start();
    threads[0]!.die('out of memory');
    await vi.advanceTimersByTimeAsync(10);
    expect(failures).toEqual(['the worker of queue 0 is gone: out of memory', 'queue 0 has a worker again']);
    await supervisor.stop();
  });

  test('fail open: the others go on, and its packets pass by themselves', async () => {
    const { supervisor, threads, story } = setUp('open');
    await supervisor.start();
    story.length = 0;
    threads[0]!.die('out of memory');
    await vi.advanceTimersByTimeAsync(10);
    expect(story).toEqual(['start 0']);
    expect(supervisor.isIntercepting).toBe(true);
    await supervisor.stop();
  });

  test('fail open, the last one: no rules until every queue has a worker again', async () => {
    const { supervisor, threads, story } = setUp('open', 1);
    await supervisor.start();
    story.length = 0;
    threads[0]!.die('out of memory');
    await vi.advanceTimersByTimeAsync(10);
    expect(story).toEqual(['remove', 'start 0', 'lapse 0', 'install', 'lapse 0']);
    expect(supervisor.incidents.restarts).toBe(1);
    await supervisor.stop();
  });

  test('fail closed: the rules stay, so that its traffic is dropped meanwhile', async () => {
    const { supervisor, threads, story } = setUp('closed');
    await supervisor.start();
    story.length = 0;
    threads[1]!.die('out of memory');
    await vi.advanceTimersByTimeAsync(10);
    expect(story).toEqual(['start 1']);
    await supervisor.stop();
  });

  test('again and again: it is started less and less often', async () => {
    const { supervisor, threads, story, startErrors } = setUp('open', 1);
    await supervisor.start();
    for (let i = 0; i < 20; i++) startErrors.push(new Error('still no'));
    story.length = 0;
    const starts = (): number => story.filter((entry) => entry === 'start 0').length;
    const dieForAMinute = async (): Promise<void> => {
      for (let second = 0; second < 60; second++) {
        threads.at(-1)!.die('still no');
        await vi.advanceTimersByTimeAsync(1000);
      }
    };
    await dieForAMinute();
    expect(starts()).toBeGreaterThan(4);
    expect(starts()).toBeLessThan(9);
    expect(story).not.toContain('install');
    await supervisor.stop();
  });

  test('where the system has no thread to give, it is asked again, less and less often', async () => {
    const { supervisor, threads, story, makeErrors, failures } = setUp('open', 1);
    await supervisor.start();
    makeErrors.push(new Error('EAGAIN'), new Error('EAGAIN'));
    story.length = 0;
    threads[0]!.die('out of memory');
    await vi.advanceTimersByTimeAsync(999);
    expect(story).toEqual(['remove', 'start 0']);
    expect(failures.at(-1)).toBe('queue 0 gets no worker: EAGAIN');
    await vi.advanceTimersByTimeAsync(2_001);
    expect(story).toEqual(['remove', 'start 0', 'start 0', 'start 0', 'lapse 0', 'install', 'lapse 0']);
    expect(failures.at(-1)).toBe('queue 0 has a worker again');
    expect(supervisor.incidents.restarts).toBe(1);
    await supervisor.stop();
  });

  test('counts of threads that are gone are kept', async () => {
    const { supervisor, threads } = setUp('open', 1);
    await supervisor.start();
    threads[0]!.lostLines = 3;
    threads[0]!.failedPackets = 2;
    threads[0]!.overflows = 4;
    threads[0]!.die('gone');
    await vi.advanceTimersByTimeAsync(10);
    threads[1]!.failedPackets = 1;
    threads[1]!.overflows = 1;
    expect(supervisor.incidents).toEqual({ restarts: 1, lostRules: 0, lostLines: 3, failedPackets: 3, overflows: 5 });
    await supervisor.stop();
  });
});

describe('a worker that hangs', () => {
  test('fail open: the rules go until it is killed, and it is started anew', async () => {
    const { supervisor, threads, story } = setUp('open');
    await supervisor.start();
    await vi.advanceTimersByTimeAsync(3000);
    expect(threads).toHaveLength(2);
    story.length = 0;
    threads[1]!.hangs = true;
    await vi.advanceTimersByTimeAsync(3000);
    expect(story).toEqual(['remove', 'lapse 0', 'install', 'lapse 0', 'start 1']);
    await supervisor.stop();
  });

  test('fail closed: the rules stay', async () => {
    const { supervisor, threads, story } = setUp('closed');
    await supervisor.start();
    story.length = 0;
    threads[1]!.hangs = true;
    await vi.advanceTimersByTimeAsync(3000);
    expect(story).toEqual(['start 1']);
    await supervisor.stop();
  });
});

describe('a worker that turns and answers nothing', () => {
  const row = (waiting: number): QueueStatistics => ({
    queue: 0,
    portId: 1,
    waiting,
    copyMode: 2,
    copyBytes: 0,
    queueDropped: 0,
    userDropped: 0,
    idSequence: 0,
  });

  test('hangs where packets wait', async () => {
    const { supervisor, story, queues } = setUp('open', 1);
    await supervisor.start();
    queues.push(row(3));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(story.slice(2, 5)).toEqual(['remove', 'start 0', 'lapse 0']);
    await supervisor.stop();
  });

  test('is idle where none wait', async () => {
    const { supervisor, story, queues } = setUp('open', 1);
    await supervisor.start();
    queues.push(row(0));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(story).toEqual(['start 0', 'install']);
    expect(supervisor.isProgressing).toBe(true);
    await supervisor.stop();
  });

  test('is busy where it answers some', async () => {
    const { supervisor, threads, story, queues } = setUp('open', 1);
    await supervisor.start();
    queues.push(row(3));
    for (let i = 0; i < 30; i++) {
      threads[0]!.answeredPackets++;
      await vi.advanceTimersByTimeAsync(250);
    }
    expect(story).toEqual(['start 0', 'install']);
    await supervisor.stop();
  });
});

test.each([
  ['open', ['remove', 'stuck']],
  ['closed', ['stuck']],
] as const)('fail %s: a thread that cannot even be killed ends the service', async (failure, expected) => {
  const { supervisor, threads, story } = setUp(failure, 1);
  await supervisor.start();
  story.length = 0;
  threads[0]!.hangs = true;
  threads[0]!.kill = () => new Promise(() => {});
  await vi.advanceTimersByTimeAsync(1_500);
  expect(supervisor.isProgressing).toBe(false);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(story).toEqual(expected);
});

test('rules that somebody else removed come back, and it is counted', async () => {
  const { supervisor, firewall, story } = setUp('open');
  await supervisor.start();
  firewall.inPlace = false;
  await vi.advanceTimersByTimeAsync(6000);
  expect(story.slice(2)).toEqual(['install', ...LAPSE, 'install', ...LAPSE]);
  expect(supervisor.incidents.lostRules).toBe(1);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(supervisor.incidents.lostRules).toBe(1);
  await supervisor.stop();
});

test('the mode reaches every worker, and those that start later', async () => {
  const { supervisor, threads } = setUp('open');
  await supervisor.start();
  supervisor.setMode('prevent');
  expect(threads.map(({ commands }) => commands)).toEqual([
    [{ type: 'mode', mode: 'prevent' }],
    [{ type: 'mode', mode: 'prevent' }],
  ]);
  expect(supervisor.mode).toBe('prevent');
  await supervisor.stop();
});

test('exceptions reach every worker, and those that start later', async () => {
  const { supervisor, threads, started } = setUp('open', 1);
  await supervisor.start();
  const exception = { id: 1, sid: 7, check: null, source: null, destination: null, port: null, path: null };
  const exceptions = [{ ...exception, untilMs: null, reason: null }];
  supervisor.setExceptions(exceptions);
  expect(threads[0]!.commands).toEqual([{ type: 'exceptions', exceptions }]);
  threads[0]!.die('gone');
  await vi.advanceTimersByTimeAsync(10);
  expect(started.at(-1)?.exceptions).toBe(exceptions);
  await supervisor.stop();
});

test('workers reject only by a firewall that can', async () => {
  const able = setUp('open', 1);
  await able.supervisor.start();
  expect(able.started[0]?.rejectMark).toBe(4);
  await able.supervisor.stop();

  const unable = setUp('open', 1);
  Object.assign(unable.firewall, { canReject: false });
  await unable.supervisor.start();
  expect(unable.started[0]?.rejectMark).toBe(0);
  await unable.supervisor.stop();
});

test.each([
  ['open', ['remove', 'recall', 'dispose']],
  ['closed', []],
] as const)('fail %s: a process that ends without stopping', async (failure, expected) => {
  const { supervisor, story } = setUp(failure, 1);
  await supervisor.start();
  story.length = 0;
  supervisor.abandon();
  expect(story).toEqual(expected);
  await supervisor.stop();
});

describe('a new policy', () => {
  const types = ({ commands }: FakeThread): string[] => commands.map(({ type }) => type);

  test('is taken over when all workers have loaded it, and by those that start later', async () => {
    const { supervisor, threads, started } = setUp('open');
    await supervisor.start();
    const next = checked();
    const replaced = supervisor.replacePolicy(next);
    threads[0]!.settlePreparation(null);
    await vi.advanceTimersByTimeAsync(10);
    expect(types(threads[0]!)).toEqual(['prepare']);
    threads[1]!.settlePreparation(null);
    await replaced;
    expect(threads.map(types)).toEqual([
      ['prepare', 'adopt'],
      ['prepare', 'adopt'],
    ]);
    threads[0]!.die('gone');
    await vi.advanceTimersByTimeAsync(10);
    expect(started.at(-1)?.checked).toBe(next);
    await supervisor.stop();
  });

  test('that one worker cannot load is taken over by none', async () => {
    const { supervisor, threads, started } = setUp('open');
    await supervisor.start();
    const replaced = supervisor.replacePolicy(checked());
    replaced.catch(() => {});
    threads[0]!.settlePreparation('no memory');
    await vi.advanceTimersByTimeAsync(10);
    expect(types(threads[1]!)).toEqual(['prepare']);
    threads[1]!.settlePreparation(null);
    await expect(replaced).rejects.toThrow('no memory');
    expect(threads.map(types)).toEqual([
      ['prepare', 'discard'],
      ['prepare', 'discard'],
    ]);
    threads[0]!.die('gone');
    await vi.advanceTimersByTimeAsync(10);
    expect(started.at(-1)?.checked).toBe(started[0]?.checked);
    await supervisor.stop();
  });

  test('is taken over by none when a worker dies that had loaded it', async () => {
    const { supervisor, threads, started } = setUp('open');
    await supervisor.start();
    const replaced = supervisor.replacePolicy(checked());
    replaced.catch(() => {});
    threads[0]!.settlePreparation(null);
    threads[0]!.die('gone');
    await vi.advanceTimersByTimeAsync(10);
    expect(started.at(-1)?.checked).toBe(started[0]?.checked);
    threads[1]!.settlePreparation(null);
    await expect(replaced).rejects.toThrow('ended meanwhile');
    expect(types(threads[1]!)).toEqual(['prepare', 'discard']);
    await supervisor.stop();
  });

  test('waits until every queue has a worker', async () => {
    const { supervisor, threads, startErrors } = setUp('open');
    await supervisor.start();
    startErrors.push(new Error('not yet'));
    threads[0]!.die('gone');
    await vi.advanceTimersByTimeAsync(10);
    await expect(supervisor.replacePolicy(checked())).rejects.toThrow('try again');
    expect(threads[1]!.commands).toEqual([]);
    await supervisor.stop();
  });
});

test('what is handed to the queues changes in place, and not where nothing is', async () => {
  const { supervisor, story, interception, firewall } = setUp('open', 1);
  const seen: number[][] = [];
  const install = firewall.install.bind(firewall);
  firewall.install = (wanted) => {
    seen.push([...wanted.managementPorts]);
    install(wanted);
  };
  supervisor.setInterception({ ...interception, managementPorts: [22] });
  expect(story).toEqual([]);
  await supervisor.start();
  supervisor.setInterception({ ...interception, managementPorts: [22, 2222] });
  expect(seen).toEqual([[22], [22, 2222]]);
  await supervisor.stop();
});

test('a worker that does not stop is killed after a while', async () => {
  const { supervisor, threads } = setUp('open', 1);
  await supervisor.start();
  threads[0]!.command = () => {};
  const stopped = supervisor.stop();
  await vi.advanceTimersByTimeAsync(6000);
  await stopped;
  await expect(threads[0]!.ended).resolves.toEqual({ isOrderly: false, reason: 'killed' });
});

test('what rules of one worker put into a set reaches the others, and one that is started again', async () => {
  const { supervisor, threads, threadHooks } = setUp('open');
  await supervisor.start();
  const changes = { name: 's', type: 'string', memoryBytes: 1000, file: null, added: ['a'], removed: [] } as const;
  threadHooks[0]!.onDataset({ ...changes, all: ['x', 'a'] });
  expect(threads[0]!.commands).toEqual([]);
  expect(threads[1]!.commands).toEqual([{ type: 'dataset', changes: { ...changes, all: null } }]);
  threads[1]!.die('crashed');
  await vi.advanceTimersByTimeAsync(0);
  expect(threads[2]!.commands).toEqual([{ type: 'dataset', changes: { ...changes, added: [], all: ['x', 'a'] } }]);
});
