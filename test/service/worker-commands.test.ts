import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { LoadedPolicy } from '../../src/service/engine.ts';
import { type Commanded, WorkerCommands } from '../../src/service/worker-commands.ts';
import { CONTROL, CONTROL_BYTES, type WorkerCommand, type WorkerReport } from '../../src/service/worker-messages.ts';

const LOADED = {} as LoadedPolicy;

function setUp(load: Commanded['load'] = loadIn(1)) {
  const { port1: main, port2: port } = new MessageChannel();
  const control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
  const done: unknown[] = [];
  const reports: WorkerReport[] = [];
  const engine: Commanded = {
    setMode: (mode) => done.push(mode),
    setExceptions: (exceptions) => done.push(exceptions),
    changeDataset: (changes) => done.push(changes),
    load,
    adopt: (loaded) => done.push(loaded),
  };
  const report = (message: WorkerReport) => reports.push(message);
  const commands = new WorkerCommands(engine, { port, control, report }, () => done.push('adopted'));
  const send = (...sent: WorkerCommand[]): void => {
    for (const command of sent) main.postMessage(command);
    Atomics.add(control, CONTROL.COMMANDS, sent.length);
  };
  return { commands, send, done, reports, obeyed: () => Atomics.load(control, CONTROL.OBEYED) };
}

/** Takes so many steps. */
function loadIn(steps: number): Commanded['load'] {
  return function* () {
    for (let step = 1; step < steps; step++) yield;
    return LOADED;
  };
}

const PREPARE = { type: 'prepare', checked: {} } as WorkerCommand;

test('commands are followed in their order, and told to be', () => {
  const { commands, send, done, obeyed } = setUp();
  send({ type: 'mode', mode: 'prevent' }, { type: 'exceptions', exceptions: [] }, { type: 'mode', mode: 'detect' });
  expect(done).toEqual([]);
  expect(commands.obey()).toBe(true);
  expect(done).toEqual(['prevent', [], 'detect']);
  expect(obeyed()).toBe(3);
});

test('it ends at a stop, and not before', () => {
  const { commands, send } = setUp();
  expect(commands.obey()).toBe(true);
  send({ type: 'stop' });
  expect(commands.obey()).toBe(false);
});

test('a policy is prepared, reported, and adopted when that is asked for', () => {
  const { commands, send, done, reports } = setUp();
  send(PREPARE);
  commands.obey();
  expect(reports).toEqual([{ type: 'prepared', problem: null }]);
  expect(done).toEqual([]);
  send({ type: 'adopt' });
  commands.obey();
  expect(done).toEqual([LOADED, 'adopted']);
});

test('it is busy while a policy is being prepared', () => {
  const forever: Commanded['load'] = function* () {
    for (;;) yield;
  };
  const { commands, send, reports } = setUp(forever);
  send(PREPARE);
  commands.obey();
  expect(commands.isBusy).toBe(true);
  send({ type: 'discard' });
  commands.obey();
  expect(commands.isBusy).toBe(false);
  expect(reports).toEqual([]);
});

test('what was discarded, or never prepared, is not adopted', () => {
  const { commands, send, done } = setUp();
  send({ type: 'adopt' });
  commands.obey();
  send(PREPARE);
  commands.obey();
  send({ type: 'discard' }, { type: 'adopt' });
  commands.obey();
  expect(done).toEqual([]);
});

test('a policy that cannot be loaded is reported with the reason', () => {
  // biome-ignore lint/correctness/useYield: it throws at its first step.
  const { commands, send, reports } = setUp(function* () {
    throw new Error('no memory for it');
  });
  send(PREPARE);
  expect(commands.obey()).toBe(true);
  expect(reports).toEqual([{ type: 'prepared', problem: expect.stringContaining('no memory for it') }]);
});
