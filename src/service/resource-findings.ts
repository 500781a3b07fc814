import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import { type MachineFinding, missing, ok, unknown, warning } from './machine-finding.ts';

/** What a host has to have for 14,000 rules and a reload of them (test/soak). */
const COMFORTABLE_MEMORY_MIB = 512;
/** With few rules. */
const LEAST_MEMORY_MIB = 150;
/** For events until they are rotated, history, rules and what is made of them. */
const COMFORTABLE_DISK_MIB = 1024;
const LEAST_DISK_MIB = 50;

const MIB = 2 ** 20;

/** `meminfo`: the text of /proc/meminfo. */
export function memory(meminfo: string): MachineFinding {
  const kib = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1] ?? Number.NaN);
  if (Number.isNaN(kib)) return unknown('memory', 'the kernel does not tell');
  const mib = Math.floor(kib / 1024);
  const detail = `${mib} MiB available`;
  if (mib < LEAST_MEMORY_MIB) {
    return missing(
      'memory',
      detail,
      'the kernel would end vpatch, or something else, as soon as there is traffic',
      `free at least ${LEAST_MEMORY_MIB} MiB: "ps aux --sort=-rss | head" shows who has it`,
    );
  }
  if (mib >= COMFORTABLE_MEMORY_MIB) return ok('memory', detail);
  return warning(
    'memory',
    detail,
    `${COMFORTABLE_MEMORY_MIB} MiB hold 14,000 rules and a reload of them`,
    'load fewer rules, for instance those of "vpatch scan --apply" alone, or add memory',
  );
}

/** Of the folders that vpatch writes to; several of one file system are one finding. */
export function disks({ state, rules, outputs }: Config, freeBytes = freeBytesAt): MachineFinding[] {
  const eve = outputs.eve.file;
  const folders = [state.folder, rules.cacheFolder, ...(eve === null || eve === '-' ? [] : [dirname(eve)])];
  const bySystem = new Map<string, { readonly names: string[]; readonly mib: number }>();
  for (const folder of folders) {
    const found = freeBytes(folder);
    if (found === null) continue;
    const known = bySystem.get(found.system);
    if (known === undefined) bySystem.set(found.system, { names: [folder], mib: Math.floor(found.bytes / MIB) });
    else if (!known.names.includes(folder)) known.names.push(folder);
  }
  return [...bySystem.values()].map(({ names, mib }) => disk(names.join(', '), mib));
}

function disk(names: string, mib: number): MachineFinding {
  const detail = `${mib} MiB free for ${names}`;
  if (mib >= COMFORTABLE_DISK_MIB) return ok('disk', detail);
  const meaning =
    'on a full disk events are lost, and counted, rules cannot be fetched and exceptions not be added; verdicts go on';
  const advice = `free up to ${COMFORTABLE_DISK_MIB} MiB: "du -xh --max-depth=2 /var | sort -h | tail" shows where it went`;
  if (mib < LEAST_DISK_MIB) return warning('disk', `${detail}: nearly full`, meaning, advice);
  return warning('disk', detail, meaning, advice);
}

interface Free {
  /** The same for folders of the same file system. */
  readonly system: string;
  readonly bytes: number;
}

/** Of the folder, or of the one in which it is to be made. Null: the system does not tell. */
function freeBytesAt(folder: string): Free | null {
  try {
    const { bavail, bsize, blocks, type, files } = statfsSync(folder);
    return { system: `${type} ${blocks} ${files}`, bytes: bavail * bsize };
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return isAbsent && folder !== dirname(folder) ? freeBytesAt(dirname(folder)) : null;
  }
}
