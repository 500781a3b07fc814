import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimNativeMemory } from './native/addon.ts';

/**
 * Collects this thread's garbage and returns it to the system. For the end of starting, which leaves much behind and
 * after which little is allocated: by itself V8 would keep it for hours. Takes a millisecond for each megabyte that is
 * in use.
 */
export function releaseMemory(): void {
  // There is no other way to ask for it at run time. The flag is the process's: who took it back would take it from
  // others.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  trimNativeMemory();
}
