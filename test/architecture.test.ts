import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/** The folders of src/, in the order in which a packet meets them. Each may import from those before it. */
const LAYERS = [
  'base',
  'wire',
  'capture',
  'defrag',
  'flow',
  'stream',
  'app',
  'rules',
  'detect',
  'verdict',
  'output',
  'config',
  'content.ts',
  'silent-flows.ts',
  'pipeline.ts',
  'patches',
  'scan',
  'service',
  'cli',
  'main.ts',
];

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const layerOf = (file: string): number => LAYERS.indexOf(file.split('/')[0]!);

/** What a source imports from ours, as paths below src/. */
function importsOf(file: string): string[] {
  const text = readFileSync(join('src', file), 'utf8');
  return Array.from(text.matchAll(/(?:from|import) '(\.[^']+)'/g), ([, target]) =>
    normalize(join(dirname(file), target!)),
  );
}

/** Without those that are only types. */
function valuesImportedBy(file: string): string[] {
  const text = readFileSync(join('src', file), 'utf8');
  return Array.from(text.matchAll(/^(?:import|export) (?!type )[^;]*?from '(\.[^']+)'/gm), ([, target]) =>
    normalize(join(dirname(file), target!)),
  );
}

describe('src/', () => {
  test('has sources, each in a folder that LAYERS knows', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.filter((file) => layerOf(file) < 0)).toEqual([]);
  });

  test.each(sources)('%s imports only what comes before it', (file) => {
    const wrong = importsOf(file).filter((target) => {
      const isOwnFolder = target.split('/')[0] === file.split('/')[0];
      return !isOwnFolder && !(layerOf(target) >= 0 && layerOf(target) < layerOf(file));
    });
    expect(wrong).toEqual([]);
  });

  test('only main.ts ends the process', () => {
    const ending = sources.filter((file) => readFileSync(join('src', file), 'utf8').includes('process.exit('));
    expect(ending.filter((file) => file !== 'main.ts')).toEqual([]);
  });

  test('files that are started by their name, such as those of threads, are in .ci/bundle.js', () => {
    const started = sources.flatMap((file) =>
      Array.from(readFileSync(join('src', file), 'utf8').matchAll(/'\.\/([\w-]+)\.js'/g), ([, name]) =>
        join(dirname(file), name!),
      ),
    );
    expect(started.length).toBeGreaterThan(2);
    expect(started.filter((path) => !existsSync(join('src', `${path}.ts`)))).toEqual([]);
    const bundler = readFileSync('.ci/bundle.js', 'utf8');
    expect(started.filter((path) => !bundler.includes(`'${path}'`))).toEqual([]);
    // They are all in one folder then.
    expect(new Set(started.map((path) => basename(path))).size).toBe(new Set(started).size);
  });

  test('has no import of a file that is not there', () => {
    const missing = sources.flatMap((file) => importsOf(file).filter((target) => !existsSync(join('src', target))));
    expect(missing).toEqual([]);
  });

  test('the main thread of `run` loads neither parsers nor what compiles rules', () => {
    const loaded = new Set(['cli/run.ts']);
    for (const file of loaded) for (const target of valuesImportedBy(file)) loaded.add(target);
    expect(loaded.size).toBeGreaterThan(50);
    expect(['app/index.ts', 'rules/compiler.ts', 'detect/ruleset.ts'].filter((file) => loaded.has(file))).toEqual([]);
  });

  test('below cli/, a clock is read only where live traffic comes in', () => {
    // The time of a packet comes with the packet: what holds in a replay holds inline.
    const stages = ['wire', 'defrag', 'flow', 'stream', 'app', 'rules', 'detect', 'verdict', 'output', 'pipeline.ts'];
    const reading = sources
      .filter((file) => stages.includes(file.split('/')[0]!))
      .filter((file) =>
        /\bDate\.now\(|\bperformance\.now\(|\bnew Date\(\)/.test(readFileSync(join('src', file), 'utf8')),
      );
    expect(reading).toEqual([]);
  });
});

test('comments are as wide as the code at most, which the formatter sees to', () => {
  const files = ['src', 'test', 'native'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(?:ts|cc|h)$/.test(file) && !file.startsWith('build/'))
      .map((file) => join(folder, file)),
  );
  expect(files.length).toBeGreaterThan(500);
  const wide = files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, i) => (/^\s*(?:\/\/|\/?\*)/.test(line) && line.length > 120 ? [`${file}:${i + 1}`] : [])),
  );
  expect(wide).toEqual([]);
});
