/** V8 keeps arrays of so many bytes among its objects (Node 20), as long as nobody asks for their memory. */
const MAX_BYTES = 64;

/** Not among its objects. */
const copied = new Uint8Array(new ArrayBuffer(MAX_BYTES));

/**
 * An array with these bytes in its `[start, end)` that native code can look at without ado, until the next call. One
 * that V8 keeps among its objects gets memory of its own for that, and a further object, which are to be collected as
 * well: a search of twenty bytes takes 300 ns with it and 140 with a copy. They are names and fields that were just put
 * together.
 */
export function forNative(bytes: Uint8Array, start: number, end: number): Uint8Array {
  // A view of other memory seldom begins at its first byte. What is no Uint8Array, or too short, is refused by the
  // callee.
  const isOfHeap = bytes.length <= MAX_BYTES && bytes.byteOffset === 0 && bytes.constructor === Uint8Array;
  if (!isOfHeap || end > bytes.length) return bytes;
  for (let i = start; i < end; i++) copied[i] = bytes[i]!;
  return copied;
}
