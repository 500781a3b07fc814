/** Memory is claimed in slabs of this size, of which only what was used is resident. */
export const SLAB_BYTES = 256 * 1024;
/** So many slabs in which nothing is any more are held for other buffers, of whatever size: 2 MiB. Ours. */
const MAX_SPARE_SLABS = 8;

interface Slab {
  readonly memory: ArrayBuffer;
  readonly sizeClass: number;
  /** Made before, and not in use. */
  readonly free: Uint8Array[];
  made: number;
  inUse: number;
  /** Its place among the roomy ones, while it is one. */
  roomyAt: number;
}

/**
 * Buffers whose sizes are powers of two, side by side in large slabs. Memory that each had for itself would be V8's to
 * collect: buffers that are outgrown and left, some kilobytes for each connection, have it mark the whole heap again
 * and again, and the system clear every page anew.
 */
export class BufferSlabs {
  /** Of all slabs in which something is, and one of each size that may be empty. */
  claimedBytes = 0;
  readonly #smallestBytes: number;
  /** By size, those that have room. */
  readonly #roomy: readonly Slab[][];
  readonly #byMemory = new Map<ArrayBufferLike, Slab>();
  readonly #spare: ArrayBuffer[] = [];

  /** Of sizes from `smallestBytes` on, each twice the one before, up to SLAB_BYTES at most. */
  constructor(smallestBytes: number, sizeClasses: number) {
    this.#smallestBytes = smallestBytes;
    this.#roomy = Array.from({ length: sizeClasses }, () => []);
  }

  /** Whether one more needs no slab more. */
  hasFree(sizeClass: number): boolean {
    return this.#roomy[sizeClass]!.length > 0;
  }

  /** Its content is undefined. */
  take(sizeClass: number): Uint8Array {
    const roomy = this.#roomy[sizeClass]!;
    if (roomy.length === 0) addTo(roomy, this.#claim(sizeClass));
    const slab = roomy[roomy.length - 1]!;
    const bytes = this.#smallestBytes << sizeClass;
    const buffer = slab.free.pop() ?? new Uint8Array(slab.memory, slab.made++ * bytes, bytes);
    slab.inUse++;
    if (this.#isFull(slab)) roomy.pop();
    return buffer;
  }

  /** What `take` gave. */
  give(buffer: Uint8Array): void {
    const slab = this.#byMemory.get(buffer.buffer)!;
    const roomy = this.#roomy[slab.sizeClass]!;
    if (this.#isFull(slab)) addTo(roomy, slab);
    slab.free.push(buffer);
    slab.inUse--;
    // The only one with room stays, or a buffer that comes and goes would claim and return it each time.
    if (slab.inUse > 0 || roomy.length === 1) return;
    removeFrom(roomy, slab);
    this.#byMemory.delete(slab.memory);
    this.claimedBytes -= SLAB_BYTES;
    if (this.#spare.length < MAX_SPARE_SLABS) this.#spare.push(slab.memory);
  }

  #claim(sizeClass: number): Slab {
    const memory = this.#spare.pop() ?? new ArrayBuffer(SLAB_BYTES);
    const slab = { memory, sizeClass, free: [], made: 0, inUse: 0, roomyAt: 0 };
    this.#byMemory.set(memory, slab);
    this.claimedBytes += SLAB_BYTES;
    return slab;
  }

  #isFull({ sizeClass, inUse }: Slab): boolean {
    return inUse * (this.#smallestBytes << sizeClass) === SLAB_BYTES;
  }
}

function addTo(roomy: Slab[], slab: Slab): void {
  slab.roomyAt = roomy.length;
  roomy.push(slab);
}

/** The last one takes its place, so that their number makes no difference. */
function removeFrom(roomy: Slab[], slab: Slab): void {
  const last = roomy.pop()!;
  if (last === slab) return;
  roomy[slab.roomyAt] = last;
  last.roomyAt = slab.roomyAt;
}
