import { TrackTable } from './track-table.ts';

/** What rules remember of hosts: marks, and how often they have matched. */
export interface Tracks {
  readonly hosts: TrackTable;
  readonly thresholds: TrackTable;
}

/** Crosses threads. */
export interface TrackMemory {
  readonly hosts: SharedArrayBuffer;
  readonly thresholds: SharedArrayBuffer;
}

/** Of one worker alone. */
export const ownTracks = (seed: readonly [number, number]): Tracks => ({
  hosts: TrackTable.own(seed),
  thresholds: TrackTable.own(seed),
});

/** For several workers, which then remember the same. */
export const trackMemory = (): TrackMemory => ({
  hosts: TrackTable.sharedMemory(),
  thresholds: TrackTable.sharedMemory(),
});

/** As `worker` sees it; 0, 1, 2 ... */
export const sharedTracks = ({ hosts, thresholds }: TrackMemory, worker: number): Tracks => ({
  hosts: TrackTable.shared(hosts, worker),
  thresholds: TrackTable.shared(thresholds, worker),
});

/** Once a worker does not run any more: it may have ended while the others were to wait for it. */
export function forgetWorker({ hosts, thresholds }: TrackMemory, worker: number): void {
  TrackTable.forget(hosts, worker);
  TrackTable.forget(thresholds, worker);
}
