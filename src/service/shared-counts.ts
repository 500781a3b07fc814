import { forgetWorker, type TrackMemory, trackMemory } from '../detect/tracks.ts';
import { FlowCounts } from '../flow/counts.ts';
import { countsSources, type FlowCaps, flowCapacity } from '../flow/options.ts';
import { SourceCounts } from '../flow/source-counts.ts';

/** What all workers count together: flows, flows by who began them, and what rules remember of hosts. */
export class SharedCounts {
  readonly flowCells: Int32Array<SharedArrayBuffer>;
  /** Null: one worker counts for itself, or no cap asks for it. */
  readonly sourceMemory: SharedArrayBuffer | null;
  /** Null: one worker remembers for itself. */
  readonly tracks: TrackMemory | null;

  constructor(caps: FlowCaps, workers: number) {
    this.flowCells = FlowCounts.sharedCells(workers);
    this.sourceMemory =
      workers > 1 && countsSources(caps) ? SourceCounts.sharedMemory(flowCapacity(caps), workers) : null;
    this.tracks = workers > 1 ? trackMemory() : null;
  }

  /** The worker is gone and its flows with it: they must not count against the caps of the others. */
  forget(worker: number): void {
    new FlowCounts(this.flowCells).forget(worker);
    if (this.sourceMemory !== null) SourceCounts.forget(this.sourceMemory, worker);
    if (this.tracks !== null) forgetWorker(this.tracks, worker);
  }
}
