/** Why rules could not be fetched, unpacked or taken over. For the user: one line. */
export class SourceError extends Error {
  override name = 'SourceError';
}
