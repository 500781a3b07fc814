/** For an option that may be given several times: gathers the values, each as `parse` understands it. */
export const repeatable =
  <T>(parse: (text: string) => T) =>
  (text: string, previous: readonly T[] = []): readonly T[] => [...previous, parse(text)];

/** The same, of values that are taken as they are. */
export const collect = repeatable((text) => text);
