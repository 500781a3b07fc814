/** An error with the place where it was thrown, since a message alone says little about our own mistakes. */
export function thrownText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place =
    error.stack
      ?.split('\n')
      .find((line) => line.trimStart().startsWith('at '))
      ?.trim() ?? '';
  return `${error.name}: ${error.message} ${place}`;
}
