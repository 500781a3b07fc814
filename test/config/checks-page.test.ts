import { expect, test } from 'vitest';
import { CHECKS, type CheckAction, type CheckType } from '../../src/verdict/checks.ts';

const INTRODUCTION = `# Always-on checks

What is looked at in all traffic, with or without rules. A check that says *drop* refuses the packet in both modes; one
that says *report* is an \`anomaly\` event; one that says *ignore* is what every network does at times, and is told of
only where the configuration asks for it. \`checks\` in the configuration changes them, see
[configuration.md](configuration.md).

A rule can ask for any of them: \`decode-event:ipv4.trunc_pkt\`, \`stream-event:pkt_invalid_ack\` (Suricata's names without
\`stream.\`, ours as they are), \`app-layer-event:http.missing_host_header\`. It meets the packet whatever the check does
with it; a check that drops does so all the same. Rules for events that Suricata has and vpatch never raises load with a
warning.

This page is made from the source, by \`make docs\`. Each table says why its checks have their default.`;

const TITLES = { decode: 'Packets', stream: 'Connections and TCP', applayer: 'Application protocols' } as const;

test('docs/checks.md lists every check', async () => {
  const sections = (['decode', 'stream', 'applayer'] as const).flatMap((type) => [
    `## ${TITLES[type]}`,
    ...(['drop', 'report', 'ignore'] as const).flatMap((action) => tables(type, action)),
  ]);
  await expect([INTRODUCTION, ...sections].join('\n\n')).toMatchFileSnapshot('../../docs/checks.md');
});

/** One for each reason. */
function tables(type: CheckType, action: CheckAction): string[] {
  const checks = CHECKS.filter((check) => check.type === type && check.byDefault === action);
  return [...new Set(checks.map(({ why }) => why))].map((reason) => {
    const rows = checks
      .filter(({ why }) => why === reason)
      .map(({ name, summary }) => `| \`${name}\` | ${action} | ${summary.replaceAll('|', '\\|')} |`);
    return [`### ${action}: ${reason}`, '', '| check | default | meaning |', '|---|---|---|', ...rows].join('\n');
  });
}

test('there are checks', () => {
  expect(CHECKS.length).toBeGreaterThan(50);
});

test('every check says why it has its default', () => {
  expect(CHECKS.filter(({ why }) => why === '').map(({ name }) => name)).toEqual([]);
});
