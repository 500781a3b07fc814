/** Work in pieces: between two of them its caller may do something else. What it returns is the result. */
export type Steps<T> = Generator<void, T, void>;

/** All pieces at once. */
export function runAll<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
