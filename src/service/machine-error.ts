/** The machine lacks something, or something is in the way. The message says what, and what to do. */
export class MachineError extends Error {
  override name = 'MachineError';
}
