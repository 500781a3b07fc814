import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A cgroup with a limit on memory, of version 2 where that has the controller, else of version 1. */
export class MemoryGroup {
  readonly #folder: string;
  readonly #isFirstVersion: boolean;

  /** Throws where the machine has no such controller, or we may not use it. */
  constructor(limitBytes: number) {
    const parent = PARENTS.find(({ probe }) => existsSync(probe));
    if (parent === undefined) throw new Error('this machine has no cgroup that limits memory');
    this.#folder = join(parent.folder, `vp-${process.pid}`);
    this.#isFirstVersion = parent.limit !== 'memory.max';
    mkdirSync(this.#folder);
    writeFileSync(join(this.#folder, parent.limit), String(limitBytes));
  }

  /** What it starts from then on is in it too. */
  add(pid: number): void {
    writeFileSync(join(this.#folder, 'cgroup.procs'), String(pid));
  }

  /** What its processes and the files that they read take, as far as it was not given back. */
  get peakBytes(): number {
    return this.#number(this.#isFirstVersion ? 'memory.max_usage_in_bytes' : 'memory.peak');
  }

  /** How often the limit was met: then the kernel first takes back what it has read of files. */
  get limitHits(): number {
    if (this.#isFirstVersion) return this.#number('memory.failcnt');
    return Number(/^max (\d+)$/m.exec(this.#text('memory.events'))?.[1] ?? 0);
  }

  /** Processes that the kernel ended for want of memory. */
  get kills(): number {
    const file = this.#isFirstVersion ? 'memory.oom_control' : 'memory.events';
    return Number(/^oom_kill (\d+)$/m.exec(this.#text(file))?.[1] ?? 0);
  }

  /** Once nothing runs in it any more. */
  close(): void {
    rmdirSync(this.#folder);
  }

  #number(file: string): number {
    return Number(this.#text(file));
  }

  #text(file: string): string {
    return readFileSync(join(this.#folder, file), 'utf8');
  }
}

const PARENTS = [
  { folder: '/sys/fs/cgroup', probe: '/sys/fs/cgroup/memory.max', limit: 'memory.max' },
  {
    folder: '/sys/fs/cgroup/memory',
    probe: '/sys/fs/cgroup/memory/memory.limit_in_bytes',
    limit: 'memory.limit_in_bytes',
  },
];
