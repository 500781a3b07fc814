// Puts the program together in dist/bundle, with the licences of the packages that are part of it: node .ci/bundle.js
// Loading three hundred small files takes four times as long as loading some large ones, in each thread.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rolldown } from 'rolldown';

const FOLDER = 'dist/bundle';
// Threads and processes begin with a file of their own, which is looked for beside the one that starts them.
const BESIDE = [
  'service/worker',
  'service/policy-checker',
  'service/history/history-thread',
  'cli/drill/failing-worker',
  'cli/drill/engine-process',
  'cli/drill/client-process',
  'cli/drill/server-process',
];

const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1);
const input = Object.fromEntries(['main', ...BESIDE].map((path) => [nameOf(path), `src/${path}.ts`]));
// Addons are found from where they are installed; and of old code that is not in node_modules, Node says that it is old.
const external = ['cap', 'better-sqlite3', 'pcap-parser'];
const bundle = await rolldown({ input, platform: 'node', external });
rmSync(FOLDER, { recursive: true, force: true });
const { output } = await bundle.write({
  dir: FOLDER,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
await bundle.close();
writeFileSync('dist/main.js', "#!/usr/bin/env node\nimport './bundle/main.js';\n");
chmodSync('dist/main.js', 0o755);
writeFileSync(`${FOLDER}/licences.txt`, licencesOf(output));

function licencesOf(chunks) {
  const modules = chunks.flatMap((chunk) => chunk.moduleIds ?? []);
  const packages = modules.flatMap((path) => path.match(/^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []);
  return [...new Set(packages)].sort().map(licenceOf).join('\n\n');
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no file with its licence`);
  return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
}
