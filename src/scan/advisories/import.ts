import { createReadStream, createWriteStream, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import yauzl, { type ZipFile } from 'yauzl';
import { makeFolder } from '../../base/make-folder.ts';
import { packageKey } from '../advisory.ts';
import { openedZip, ZIP_OPTIONS, zipContent, zipEntries } from '../zip-entries.ts';
import { recordsOfCsaf } from './csaf.ts';
import { recordsOfDebian } from './debian-tracker.ts';
import { jsonEntries } from './json-entries.ts';
import { recordsOfOsv } from './osv.ts';
import { type AdvisoryRecord, asList, asObject, asText, isCve, type Json } from './record.ts';
import type { AdvisoryMeta, AdvisoryStore, Kind } from './store.ts';

/** One document of OSV or CSAF: those of the Linux kernel have some MiB. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
/** Unpacked, of one import: all of OSV has some GiB. */
const MAX_IMPORT_BYTES = 16 * 1024 * 1024 * 1024;
const MAX_DOWNLOAD_BYTES = 4 * 1024 * 1024 * 1024;
const HEAD_BYTES = 4096;

/** It is no file of advisories that we know, or a broken one. */
export class ImportError extends Error {
  override name = 'ImportError';
}

/**
 * Reads a file, a folder of JSON files or an https address of any known kind, which its content tells, and keeps what a
 * scan needs of it. An earlier import of the same name is replaced once the new one is whole. Throws ImportError, or
 * what the system says of the file.
 */
export async function importAdvisories(store: AdvisoryStore, origin: string, nowMs: number): Promise<AdvisoryMeta> {
  makeFolder(store.folder, 0o750);
  const download = join(store.folder, `download.${process.pid}`);
  const draft = join(store.folder, `import.${process.pid}`);
  try {
    const isUrl = /^https?:\/\//i.test(origin);
    if (isUrl) await fetchTo(origin, download);
    const path = isUrl ? download : origin;
    const counted = { records: 0, kind: null as Kind | null, complete: new Set<string>() };
    const lines = Readable.from(countedLines(path, counted));
    await pipeline(lines, createGzip(), createWriteStream(draft, { mode: 0o640 }));
    if (counted.kind === null || counted.records === 0) throw new ImportError('it has no advisories');

    const name = nameOf(counted.kind, origin);
    const meta = { name, kind: counted.kind, origin, importedMs: nowMs, records: counted.records };
    renameSync(draft, store.linesFile(name));
    store.add({ ...meta, complete: [...counted.complete].sort() });
    return { ...meta, complete: [...counted.complete].sort() };
  } catch (error) {
    // Of zlib: the file is not what its first bytes say.
    const isUnpackable = error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
    throw isUnpackable ? new ImportError(`it cannot be unpacked: ${error.message}`) : error;
  } finally {
    rmSync(download, { force: true });
    rmSync(draft, { force: true });
  }
}

interface Statement {
  readonly kind: Kind;
  readonly key: string;
  readonly value: object;
}

async function* countedLines(
  path: string,
  counted: { records: number; kind: Kind | null; complete: Set<string> },
): AsyncGenerator<string> {
  for await (const { kind, key, value } of statementsIn(path)) {
    counted.kind = kind;
    counted.records++;
    // The tracker lists every weakness of a source package, for each release that it speaks of.
    if (kind === 'debian') counted.complete.add((value as AdvisoryRecord).ecosystem);
    yield `${key}\t${JSON.stringify(value)}\n`;
  }
}

async function* statementsIn(path: string): AsyncGenerator<Statement> {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path).sort()) {
      if (name.endsWith('.json')) yield* statementsIn(join(path, name));
    }
    return;
  }
  const head = await headOf(path);
  if (head.startsWith('PK')) yield* statementsInZip(path);
  else if (head.startsWith('\x1f\x8b')) yield* statementsInText(() => createReadStream(path).pipe(createGunzip()));
  else yield* statementsInText(() => createReadStream(path));
}

async function headOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.subarray(0, bytesRead).toString('latin1');
  } finally {
    await file.close();
  }
}

async function* statementsInZip(path: string): AsyncGenerator<Statement> {
  let zip: ZipFile | null = null;
  try {
    zip = await openedZip((done) => yauzl.open(path, ZIP_OPTIONS, done));
    let bytes = 0;
    for await (const entry of zipEntries(zip)) {
      if (!entry.fileName.toString().endsWith('.json')) continue;
      bytes += entry.uncompressedSize;
      if (bytes > MAX_IMPORT_BYTES) throw new ImportError('it is too large');
      const content = await zipContent(zip, entry, MAX_DOCUMENT_BYTES);
      yield* documentStatements(parsed(content.toString('utf8')));
    }
  } catch (error) {
    throw error instanceof ImportError ? error : new ImportError(`the archive is broken: ${(error as Error).message}`);
  } finally {
    zip?.close();
  }
}

async function* statementsInText(openStream: () => Readable): AsyncGenerator<Statement> {
  const head = await beginning(openStream());
  try {
    if (/^(?:#model_version|cve,epss)/.test(head)) yield* epssStatements(limited(openStream()));
    else if (/^\s*\{\s*"[^"]+"\s*:\s*\{\s*"(?:CVE|TEMP)-/.test(head)) {
      for await (const [source, value] of jsonEntries(texts(limited(openStream())))) {
        for (const record of recordsOfDebian(source, value)) yield statementOf('debian', record);
      }
    } else {
      let text = '';
      for await (const chunk of texts(limited(openStream()))) {
        text += chunk;
        if (text.length > MAX_DOCUMENT_BYTES) throw new ImportError('it is too large for one document');
      }
      yield* documentStatements(parsed(text));
    }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) throw new ImportError(error.message);
    throw error;
  }
}

async function beginning(stream: Readable): Promise<string> {
  for await (const chunk of stream as AsyncIterable<Buffer>) return chunk.subarray(0, HEAD_BYTES).toString('utf8');
  return '';
}

const texts = (stream: Readable): AsyncIterable<string> => stream.setEncoding('utf8') as AsyncIterable<string>;

/** A small file can be packed from an endless one. */
function limited(stream: Readable): Readable {
  let bytes = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _, done): void {
      bytes += chunk.length;
      done(bytes > MAX_IMPORT_BYTES ? new ImportError('it is too large') : null, chunk);
    },
  });
  stream.on('error', (error) => counter.destroy(new ImportError(error.message)));
  return stream.pipe(counter);
}

/** A document that is read whole: OSV (one or a list), CSAF, or CISA's catalogue. */
function* documentStatements(json: Json): Generator<Statement> {
  if (Array.isArray(json)) {
    for (const entry of asList(json)) yield* documentStatements(entry);
    return;
  }
  const { vulnerabilities, document, catalogVersion } = asObject(json);
  if (catalogVersion !== undefined) {
    for (const entry of asList(vulnerabilities)) {
      const { cveID, dateAdded, knownRansomwareCampaignUse } = asObject(entry);
      if (!isCve(asText(cveID))) continue;
      const value = { kevAdded: asText(dateAdded), isRansomware: knownRansomwareCampaignUse === 'Known' };
      yield { kind: 'kev', key: asText(cveID), value };
    }
  } else if (asObject(document).csaf_version !== undefined) {
    for (const record of recordsOfCsaf(json)) yield statementOf('csaf', record);
  } else for (const record of recordsOfOsv(json)) yield statementOf('osv', record);
}

const statementOf = (kind: Kind, record: AdvisoryRecord): Statement => ({
  kind,
  key: packageKey(record.ecosystem, record.name),
  value: record,
});

/** `CVE-2021-44228,0.975,0.999` */
async function* epssStatements(stream: Readable): AsyncGenerator<Statement> {
  for await (const line of createInterface({ input: stream })) {
    const [cve = '', score = ''] = line.split(',');
    const epss = Number.parseFloat(score);
    if (isCve(cve) && epss >= 0 && epss <= 1) yield { kind: 'epss', key: cve, value: { epss } };
  }
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new ImportError(`it is no JSON: ${(error as Error).message}`);
  }
}

/** The same file by tomorrow's date is another import; there is one of each of the others. */
function nameOf(kind: Kind, origin: string): string {
  if (kind !== 'osv' && kind !== 'csaf') return kind;
  const name = basename(origin).replace(/(?:\.json|\.zip|\.gz)+$/, '');
  const folder = origin.split('/').at(-2) ?? '';
  const whole = name === 'all' ? folder : name;
  return `${kind}-${whole.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
}

async function fetchTo(url: string, path: string): Promise<void> {
  if (!/^https:/i.test(url)) throw new ImportError('only https is fetched: others could change what comes');
  let response: Response;
  try {
    response = await fetch(url, { redirect: 'follow', signal: AbortSignal.timeout(FETCH_MS) });
  } catch (error) {
    const { cause, message } = error as Error;
    throw new ImportError(`cannot be fetched: ${cause instanceof Error ? cause.message : message}`);
  }
  if (!response.ok || response.body === null) throw new ImportError(`the server answers ${response.status}`);
  let bytes = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _, done): void {
      bytes += chunk.length;
      done(bytes > MAX_DOWNLOAD_BYTES ? new ImportError('it is too large') : null, chunk);
    },
  });
  await pipeline(
    response.body as unknown as AsyncIterable<Uint8Array>,
    counter,
    createWriteStream(path, { mode: 0o640 }),
  );
}

const FETCH_MS = 30 * 60 * 1000;
