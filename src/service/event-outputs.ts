import { hostname } from 'node:os';
import type { Config } from '../config/config.ts';
import { BufferedFile } from '../output/buffered-file.ts';
import { DatagramOutput, type DatagramSettings } from '../output/datagram-output.ts';
import { type EveLine, EveLines, type EventReader } from '../output/eve-lines.ts';
import { type EventTypes, linesOfTypes } from '../output/event-types.ts';
import type { LineOutput } from '../output/line-output.ts';
import type { Logger } from '../output/log.ts';
import { StreamOutput, type StreamSettings } from '../output/stream-output.ts';
import { syslogMessage } from '../output/syslog.ts';
import type { Supervisor } from './supervisor.ts';

export const OUTPUT_NAMES = ['file', 'syslog', 'socket'] as const;
export type OutputName = (typeof OUTPUT_NAMES)[number];

export interface OutputStatus {
  readonly name: OutputName;
  /** The path. */
  readonly target: string;
  /** Lines that this one could not take in time. */
  readonly lostLines: number;
}

interface Opened extends Pick<OutputStatus, 'name' | 'target'> {
  readonly output: Pick<LineOutput, 'lostLines' | 'close'>;
  /** Those events that it asks for. */
  write(lines: EveLines): void;
}

/** All outputs of the configuration as one, which never waits for any of them. */
export class EventOutputs implements LineOutput, EventReader {
  readonly #opened: readonly Opened[];
  readonly #file: BufferedFile | null;

  private constructor(opened: readonly Opened[], file: BufferedFile | null) {
    this.#opened = opened;
    this.#file = file;
  }

  /** Throws what the system says of an event file that cannot be opened. Who listens at a socket may come later. */
  static open({ eve, syslog, socket }: Config['outputs'], log: Logger): EventOutputs {
    const onError =
      (target: string) =>
      (error: Error): void =>
        log.error(`events cannot be written to ${target}: ${error.message}`);
    const file =
      eve.file === null
        ? null
        : new BufferedFile(eve.file, { bufferBytes: eve.bufferBytes, onError: onError(eve.file) });
    const opened: Opened[] = [];
    if (eve.file !== null && file !== null) {
      opened.push({ name: 'file', target: eve.file, output: file, write: ({ text }) => file.write(text) });
    }
    if (syslog.socket !== null) {
      const { socket: target, types } = syslog;
      const settings = { ...syslog, hostname: hostname(), pid: process.pid };
      const messageOf = (line: EveLine): string => syslogMessage(line, settings);
      opened.push({
        name: 'syslog',
        target,
        ...datagramsOf({ socket: target, messageOf, onError: onError(target) }, types),
      });
    }
    if (socket.path !== null) {
      const { path: target, types, kind } = socket;
      const settings = { socket: target, onError: onError(target) };
      const open = kind === 'stream' ? streamOf : datagramsOf;
      opened.push({ name: 'socket', target, ...open(settings, types) });
    }
    return new EventOutputs(opened, file);
  }

  get isEmpty(): boolean {
    return this.#opened.length === 0;
  }

  get lostLines(): number {
    return this.#opened.reduce((sum, { output }) => sum + output.lostLines, 0);
  }

  get status(): OutputStatus[] {
    return this.#opened.map(({ name, target, output }) => ({ name, target, lostLines: output.lostLines }));
  }

  read(lines: EveLines): void {
    for (const output of this.#opened) output.write(lines);
  }

  /** Events of this thread. */
  write(text: string): void {
    this.read(new EveLines(text));
  }

  /** The event file was renamed. */
  reopen(): void {
    this.#file?.reopen();
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map(({ output }) => output.close()));
  }
}

type OpenedSocket = Pick<Opened, 'output' | 'write'>;

function streamOf(settings: StreamSettings, types: EventTypes): OpenedSocket {
  const output = new StreamOutput(settings);
  const textOf = (lines: EveLines): string =>
    types === 'all' ? lines.text : linesOfTypes(lines, types).reduce((text, line) => `${text}${line.text}\n`, '');
  return {
    output,
    write: (lines) => {
      const text = textOf(lines);
      if (text !== '') output.write(text);
    },
  };
}

function datagramsOf(settings: DatagramSettings, types: EventTypes): OpenedSocket {
  const output = new DatagramOutput(settings);
  return { output, write: (lines) => output.write(linesOfTypes(lines, types)) };
}

/** Counts what the workers could not send as well. */
export const withLosses = (output: LineOutput, supervisor: Pick<Supervisor, 'incidents'>): LineOutput => ({
  write: (lines) => output.write(lines),
  close: () => output.close(),
  get lostLines(): number {
    return output.lostLines + supervisor.incidents.lostLines;
  },
});
