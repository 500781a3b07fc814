/**
 * `vpatch replay` for one case of a conformance corpus, whose settings are those of another engine's configuration:
 *
 *   replay-case --settings FILE --checksums all|none -- CAPTURE [options of replay]
 *
 * FILE is JSON: `extra_settings` (dotted key of suricata.yaml to value) and `vars` (as there). A value that names a
 * file beside the capture means that file.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

interface Tree {
  [key: string]: unknown;
}

const PROGRAM = fileURLToPath(new URL('../../../main.js', import.meta.url));

const { values, positionals } = parseArgs({
  options: { settings: { type: 'string' }, checksums: { type: 'string', default: 'all' } },
  allowPositionals: true,
});

const folder = mkdtempSync(join(tmpdir(), 'vpatch-case-'));
try {
  // JSON is YAML.
  const suricataYaml = join(folder, 'suricata.yaml');
  writeFileSync(suricataYaml, JSON.stringify(readSettings(values.settings)));
  const options = ['--suricata-yaml', suricataYaml, '--checksums', values.checksums === 'none' ? 'off' : 'on'];
  const { status } = spawnSync(process.execPath, [PROGRAM, 'replay', ...options, ...positionals], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}

function readSettings(file: string | undefined): Tree {
  if (file === undefined) return {};
  const { extra_settings: settings = {}, vars } = JSON.parse(readFileSync(file, 'utf8')) as {
    extra_settings?: Tree;
    vars?: Tree;
  };
  const tree: Tree = vars === undefined ? {} : { vars };
  for (const [key, value] of Object.entries(settings)) setAt(tree, key.split('.'), located(value));
  return tree;
}

function located(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(located);
  if (typeof value !== 'string' || value === '') return value;
  const file = resolve(dirname(positionals[0] ?? ''), value);
  return existsSync(file) ? file : value;
}

function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  const [step, ...rest] = path;
  if (step === undefined) return;
  if (rest.length === 0) {
    tree[step] = value;
    return;
  }
  const child = tree[step];
  const branch = typeof child === 'object' && child !== null ? (child as Tree) : {};
  tree[step] = branch;
  setAt(branch, rest, value);
}
