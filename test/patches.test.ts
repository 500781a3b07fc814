import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { rehearsalConfig, rehearse } from '../src/patches/rehearsal.ts';
import { readTranscript, transcriptsIn } from '../src/patches/transcript.ts';
import { rulesetOf } from './support/play.ts';

const config = rehearsalConfig();
const rules = readdirSync('signatures', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.rules'))
  .map((file) => readFileSync(`signatures/${file}`, 'utf8'))
  .join('\n');
const ruleset = rulesetOf(rules, config);
const pages = transcriptsIn('fixtures/patches');

test('there are transcripts', () => {
  expect(pages.length).toBeGreaterThan(100);
});

describe.each(pages)('$patch $name', ({ file }) => {
  test('gives its alerts however it is sent, and is blocked if, and only if, it is an attack', () => {
    const plays = rehearse(readTranscript(file), ruleset, config);
    expect(plays.length).toBeGreaterThan(1);
    expect(plays.filter(({ isRight }) => !isRight)).toEqual([]);
  });
});
