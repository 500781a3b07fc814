import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Engine, LoadedPolicy } from './engine.ts';
import { Preparation } from './preparation.ts';
import { thrownText } from './thrown-text.ts';
import { CONTROL, type WorkerCommand, type WorkerReport } from './worker-messages.ts';

/** Who does what the commands ask for. */
export type Commanded = Pick<Engine, 'setMode' | 'setExceptions' | 'changeDataset' | 'load' | 'adopt'>;

export interface CommandChannel {
  readonly port: MessagePort;
  /** See CONTROL. */
  readonly control: Int32Array;
  readonly report: (message: WorkerReport) => void;
}

/** What the main thread asks of a worker, which does it between two batches. */
export class WorkerCommands {
  readonly #engine: Commanded;
  readonly #channel: CommandChannel;
  readonly #onAdopted: () => void;
  readonly #preparation = new Preparation<LoadedPolicy>();
  #seenCommands = 0;
  #isStopped = false;

  /** `onAdopted`: there is another policy in use, and the one before is garbage. */
  constructor(engine: Commanded, channel: CommandChannel, onAdopted: () => void) {
    this.#engine = engine;
    this.#channel = channel;
    this.#onAdopted = onAdopted;
  }

  /** Something is being prepared: do not sleep. */
  get isBusy(): boolean {
    return this.#preparation.isBusy;
  }

  /** Follows what has come meanwhile, and goes on a little with what is being prepared. False: the worker is to end. */
  obey(): boolean {
    const { control } = this.#channel;
    const commands = Atomics.load(control, CONTROL.COMMANDS);
    if (commands !== this.#seenCommands) {
      this.#seenCommands = commands;
      this.#followAll();
      Atomics.store(control, CONTROL.OBEYED, commands);
    }
    this.#prepare();
    return !this.#isStopped;
  }

  #followAll(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#channel.port) as { message: WorkerCommand } | undefined;
      if (received === undefined) return;
      this.#follow(received.message);
    }
  }

  #follow(command: WorkerCommand): void {
    switch (command.type) {
      case 'stop':
        this.#isStopped = true;
        return;
      case 'mode':
        this.#engine.setMode(command.mode);
        return;
      case 'exceptions':
        this.#engine.setExceptions(command.exceptions);
        return;
      case 'dataset':
        this.#engine.changeDataset(command.changes);
        return;
      case 'prepare':
        this.#preparation.begin(this.#engine.load(command.checked));
        return;
      case 'adopt':
        this.#adopt();
        return;
      case 'discard':
        this.#preparation.discard();
        return;
      default:
        command satisfies never;
    }
  }

  #prepare(): void {
    try {
      if (this.#preparation.goOn()) this.#channel.report({ type: 'prepared', problem: null });
    } catch (error) {
      this.#channel.report({ type: 'prepared', problem: thrownText(error) });
    }
  }

  #adopt(): void {
    const loaded = this.#preparation.take();
    if (loaded === null) return;
    this.#engine.adopt(loaded);
    this.#onAdopted();
  }
}
