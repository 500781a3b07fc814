import type { RootFs } from '../root-fs.ts';
import type { Find } from './find.ts';

/** Lock files of large projects have some 10 MiB. */
const MAX_JSON_BYTES = 16 * 1024 * 1024;
const MAX_METADATA_BYTES = 64 * 1024;

/** Applications that bring their own package.json, at the top of what they install. */
const NODE_APPLICATIONS: ReadonlySet<string> = new Set(['grafana', 'kibana', 'phpmyadmin', 'ghost']);

/** `node_modules/NAME/package.json`, also of a scope; and known applications. */
export function findNodePackage(fs: RootFs, path: string): Find[] {
  const inModules = /\/node_modules\/(?:@[^/]+\/)?[^/@][^/]*\/package\.json$/.test(path);
  const folder = path.split('/').at(-2) ?? '';
  if (!inModules && ![...NODE_APPLICATIONS].some((name) => folder.toLowerCase().includes(name))) return [];
  const { name, version } = readJson(fs, path, MAX_JSON_BYTES) as { name?: unknown; version?: unknown };
  if (typeof name !== 'string' || typeof version !== 'string') return [];
  if (inModules) return [{ ecosystem: 'npm', name, version, path, source: 'package.json' }];
  return NODE_APPLICATIONS.has(name) ? [{ ecosystem: 'Bitnami', name, version, path, source: 'package.json' }] : [];
}

/** `NAME.dist-info/METADATA`, `NAME.egg-info/PKG-INFO`, or a file `NAME.egg-info`. */
export function findPythonPackage(fs: RootFs, path: string): Find[] {
  if (!/\.(?:dist-info\/METADATA|egg-info\/PKG-INFO|egg-info)$/.test(path)) return [];
  const text = fs.readText(path, MAX_METADATA_BYTES) ?? '';
  // The description behind the first blank line could say anything.
  const head = text.split(/\r?\n\r?\n/, 1)[0]!;
  const name = /^Name:\s*(.+)$/m.exec(head)?.[1]?.trim();
  const version = /^Version:\s*(.+)$/m.exec(head)?.[1]?.trim();
  if (name === undefined || version === undefined) return [];
  return [{ ecosystem: 'PyPI', name: pythonName(name), version, path, source: 'METADATA' }];
}

/** PEP 503: `Foo_Bar.baz` is `foo-bar-baz`. */
const pythonName = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-');

/** `vendor/composer/installed.json`, in the form of Composer 1 (a list) or 2. */
export function findComposerPackages(fs: RootFs, path: string): Find[] {
  if (!path.endsWith('/composer/installed.json')) return [];
  const json = readJson(fs, path, MAX_JSON_BYTES) as unknown;
  const list: unknown = Array.isArray(json) ? json : (json as { packages?: unknown }).packages;
  if (!Array.isArray(list)) return [];
  return (list as { name?: unknown; version?: unknown }[]).flatMap((entry) => {
    const { name, version } = entry ?? {};
    if (typeof name !== 'string' || typeof version !== 'string') return [];
    const number = version.replace(/^v(?=\d)/, '');
    return [{ ecosystem: 'Packagist', name: name.toLowerCase(), version: number, path, source: 'installed.json' }];
  });
}

/** `specifications/NAME-VERSION[-PLATFORM].gemspec`: its name says it all. */
export function findRubyGem(_: RootFs, path: string): Find[] {
  const match = /\/specifications\/(?:default\/)?(.+?)-(\d[0-9A-Za-z.]*)(?:-[^/]*)?\.gemspec$/.exec(path);
  if (match === null) return [];
  return [{ ecosystem: 'RubyGems', name: match[1]!, version: match[2]!, path, source: 'gemspec' }];
}

/** Packages of Bitnami's images: a JSON file by name. */
export function findBitnamiComponents(fs: RootFs, path: string): Find[] {
  const json = readJson(fs, path, MAX_JSON_BYTES);
  return Object.entries(json).flatMap(([name, value]) => {
    const version = (value as { version?: unknown } | null)?.version;
    if (typeof version !== 'string') return [];
    return [{ ecosystem: 'Bitnami', name, version: version.replace(/-\d+$/, ''), path, source: 'Bitnami' }];
  });
}

/** `SLUG/SLUG.php` of a WordPress plug-in, or its `readme.txt` where its main file has another name. */
export function findWordpressPlugin(fs: RootFs, path: string): Find[] {
  const [, folder = '', slug = '', file = ''] = /^(.*\/wp-content\/plugins\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
  const main = `${slug}.php`;
  if (slug === '' || (file !== main && fs.exists(`${folder}/${main}`))) return [];
  const field = file === main ? /^[ \t*#/]*Version:[ \t]*v?(\d[\w.]*)/im : /^[ \t]*Stable tag:[ \t]*v?(\d[\w.]*)/im;
  const version = field.exec(fs.readText(path, MAX_METADATA_BYTES) ?? '')?.[1];
  if (version === undefined) return [];
  return [{ ecosystem: 'Packagist', name: `wpackagist-plugin/${slug}`, version, path, source: file }];
}

/** An empty object where the file is too large, or no JSON object. */
function readJson(fs: RootFs, path: string, maxBytes: number): object {
  const bytes = fs.readStart(path, maxBytes);
  if (bytes === null || bytes.length === maxBytes) return {};
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
