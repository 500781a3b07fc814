import { type Profiler, Session } from 'node:inspector/promises';

/** Where samples of a running program were taken, without what the place had called. */
export interface SelfTime {
  readonly name: string;
  /** Of all samples. */
  readonly share: number;
}

export interface SelfTimes {
  /** Folders of `src`, and what is none of ours. */
  readonly folders: readonly SelfTime[];
  readonly functions: readonly SelfTime[];
}

const SAMPLE_INTERVAL_US = 200;

/** Samples what this process does while `work` runs. */
export async function selfTimes(work: () => void): Promise<SelfTimes> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_INTERVAL_US });
  await session.post('Profiler.start');
  work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  return attributed(profile.nodes);
}

type Node = Pick<Profiler.ProfileNode, 'callFrame' | 'hitCount'>;

export function attributed(nodes: readonly Node[]): SelfTimes {
  const working = nodes.filter(({ callFrame }) => callFrame.functionName !== '(idle)');
  const total = working.reduce((sum, { hitCount }) => sum + (hitCount ?? 0), 0);
  const shares = (nameOf: (node: Node) => string): SelfTime[] => {
    const hits = new Map<string, number>();
    for (const node of working) {
      const name = nameOf(node);
      hits.set(name, (hits.get(name) ?? 0) + (node.hitCount ?? 0));
    }
    return [...hits]
      .filter(([, count]) => count > 0)
      .map(([name, count]) => ({ name, share: count / total }))
      .sort((a, b) => b.share - a.share);
  };
  return { folders: shares(folderOf), functions: shares(functionOf) };
}

function folderOf({ callFrame: { functionName, url } }: Node): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  const [, folder] = /\/src\/([^/]+)\//.exec(url) ?? [];
  if (folder !== undefined) return folder;
  if (url.includes('/src/')) return 'pipeline';
  if (url.includes('/test/')) return 'the benchmark';
  // Functions of the addon have no place.
  return url === '' ? 'native code' : 'node';
}

function functionOf(node: Node): string {
  const { functionName, url, lineNumber } = node.callFrame;
  // V8 gives all functions of the addon the name of one of them.
  if (url === '') return folderOf(node);
  const [, file] = /\/(?:src|test)\/(.+)$/.exec(url) ?? [];
  const name = functionName === '' ? 'anonymous' : functionName;
  return file === undefined ? `${name} (node)` : `${name} ${file}:${lineNumber + 1}`;
}
