// Puts the program together in dist/bundle: node .ci/bundle.js
// Loading three hundred small files takes four times as long as loading some large ones, in each thread.
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
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
await bundle.write({
  dir: FOLDER,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
await bundle.close();
writeFileSync('dist/main.js', "#!/usr/bin/env node\nimport './bundle/main.js';\n");
chmodSync('dist/main.js', 0o755);
