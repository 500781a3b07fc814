import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimNativeMemory } from './native/addon.ts';

/**
 * Collects this thread's garbage and returns it to the system. For the end of starting and of a change of rules, which
 * leave much behind and after which little is allocated: by itself V8 would keep it for hours. Takes a millisecond for
 * each megabyte that is in use.
 */
export async function releaseMemory(): Promise<void> {
  // There is no other way to ask for it at run time. The flag is the process's and stays set: other threads may be between
  // this line and the next.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  // Node frees what native code holds for an object in a later turn of the event loop, and not while it is collected.
  await new Promise(setImmediate);
  trimNativeMemory();
}
