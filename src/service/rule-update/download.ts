import { SourceError } from './source-error.ts';

/** What was fetched, or that it is still what it was. */
export type Download =
  | {
      readonly status: 'fetched';
      readonly bytes: Uint8Array;
      readonly etag: string | null;
      readonly modified: string | null;
    }
  | { readonly status: 'unchanged' };

export interface DownloadOptions {
  /** `Name: value`, for the server of the address alone. */
  readonly header?: string | null;
  /** Of the last time: the server may answer that nothing has changed since. */
  readonly etag?: string | null;
  readonly modified?: string | null;
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
}

/** The largest public rule sets are a tenth of it. */
const MAX_BYTES = 64 * 2 ** 20;
/** For all of it. A rule set has a few MiB. */
const TIMEOUT_MS = 120_000;
const MAX_REDIRECTS = 5;

/** Fetches an address of http or https. Throws SourceError, whatever goes wrong. */
export async function download(url: string, options: DownloadOptions = {}): Promise<Download> {
  const { maxBytes = MAX_BYTES, timeoutMs = TIMEOUT_MS } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await requested(url, options, signal);
    if (response.status === 304) return { status: 'unchanged' };
    if (response.status !== 200) throw new SourceError(`${url}: the server answers ${response.status}`);
    const { headers } = response;
    const bytes = await bodyOf(response, url, maxBytes);
    return { status: 'fetched', bytes, etag: headers.get('etag'), modified: headers.get('last-modified') };
  } catch (error) {
    if (error instanceof SourceError) throw error;
    if (signal.aborted) throw new SourceError(`${url}: not done within ${timeoutMs / 1000} s`);
    throw new SourceError(`${url}: ${causeOf(error)}`);
  }
}

async function requested(url: string, options: DownloadOptions, signal: AbortSignal): Promise<Response> {
  const origin = new URL(url).origin;
  let at = new URL(url);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const headers = new Headers({ 'user-agent': 'vpatch', 'accept-encoding': 'identity' });
    if (at.origin === origin) addOwn(headers, options);
    const response = await fetch(at, { headers, signal, redirect: 'manual' });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status === 304 || response.status >= 400 || location === null)
      return response;
    await response.body?.cancel();
    const next = new URL(location, at);
    if (next.protocol !== 'https:' && next.protocol !== at.protocol) {
      throw new SourceError(`${url}: leads to ${next.href}, which is less safe`);
    }
    at = next;
  }
  throw new SourceError(`${url}: more than ${MAX_REDIRECTS} redirections`);
}

function addOwn(headers: Headers, { header, etag, modified }: DownloadOptions): void {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(header ?? '') ?? [];
  if (name !== undefined && value !== undefined) headers.set(name, value);
  if (etag != null) headers.set('if-none-match', etag);
  if (modified != null) headers.set('if-modified-since', modified);
}

async function bodyOf(response: Response, url: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new SourceError(`${url}: more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** fetch itself says no more than that it failed. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
