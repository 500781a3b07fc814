import type { Direction } from '../base/direction.ts';
import type { BufferDefinition, Transaction } from './protocol.ts';

/** A buffer of which a direction has one at most. `read` is asked for the directions that it belongs to. */
export function singleBuffer<T extends Transaction>(
  definition: Omit<BufferDefinition<T>, 'read'>,
  read: (transaction: T, direction: Direction) => Uint8Array | null,
): BufferDefinition<T> {
  const { direction } = definition;
  return {
    ...definition,
    read: (transaction, asked, nth) =>
      nth > 0 || (direction !== null && asked !== direction) ? null : read(transaction, asked),
  };
}
