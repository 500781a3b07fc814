import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEFAULTS } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configSchema, keysAt } from '../../src/config/schema.ts';
import { YamlFile } from '../../src/config/yaml-file.ts';

const EXAMPLE = 'docs/vpatch.example.yaml';

test('the example loads, and shows the defaults', () => {
  expect(loadConfig({ file: EXAMPLE })).toEqual({ status: 'ok', config: DEFAULTS, notes: [] });
});

/** Every key of the schema, `flow.max-tcp` for instance. */
function allKeys(path: readonly string[] = []): string[] {
  return keysAt(path).flatMap((key) => [[...path, key].join('.'), ...allKeys([...path, key])]);
}

test.each(allKeys())('the example shows %s', (key) => {
  const name = key.split('.').at(-1)!;
  expect(readFileSync(EXAMPLE, 'utf8')).toMatch(new RegExp(`^[ #-]*${name}:`, 'm'));
});

test('there are keys to show', () => {
  expect(allKeys().length).toBeGreaterThan(40);
});

describe('docs/configuration.md', () => {
  const page = readFileSync('docs/configuration.md', 'utf8');

  test('explains every block', () => {
    for (const block of keysAt([])) expect(page).toContain(`\`${block}\``);
  });

  test('shows configurations that load', () => {
    const blocks = Array.from(page.matchAll(/```yaml\n(.*?)```/gs), ([, text]) => text!);
    expect(blocks.length).toBeGreaterThan(0);
    for (const text of blocks) {
      const parsed = configSchema.safeParse(YamlFile.parse(text, 'page').value);
      expect(parsed.error?.issues ?? []).toEqual([]);
    }
  });
});
