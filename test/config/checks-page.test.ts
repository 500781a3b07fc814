import { expect, test } from 'vitest';
import { CHECKS } from '../../src/verdict/checks.ts';

const INTRODUCTION = `# Always-on checks

What is looked at in all traffic, with or without rules. A check that says *drop* refuses the packet in both modes; one
that says *report* is an \`anomaly\` event; one that says *ignore* is what every network does at times, and is told of
only where the configuration asks for it. \`checks\` in the configuration changes them, see
[configuration.md](configuration.md).

A rule can ask for any of them: \`decode-event:ipv4.trunc_pkt\`, \`stream-event:pkt_invalid_ack\` (Suricata's names without
\`stream.\`, ours as they are), \`app-layer-event:http.missing_host_header\`. It meets the packet whatever the check does
with it; a check that drops does so all the same. Rules for events that Suricata has and vpatch never raises load with a
warning.

This page is made from the source, by \`make docs\`.
`;

const TITLES = { decode: 'Packets', stream: 'Connections and TCP', applayer: 'Application protocols' } as const;

test('docs/checks.md lists every check', async () => {
  const sections = (['decode', 'stream', 'applayer'] as const).map((type) => {
    const rows = CHECKS.filter((check) => check.type === type).map(
      ({ name, byDefault, summary }) => `| \`${name}\` | ${byDefault} | ${summary.replaceAll('|', '\\|')} |`,
    );
    return [`## ${TITLES[type]}`, '', '| check | default | meaning |', '|---|---|---|', ...rows, ''].join('\n');
  });
  await expect([INTRODUCTION, ...sections].join('\n')).toMatchFileSnapshot('../../docs/checks.md');
});

test('there are checks', () => {
  expect(CHECKS.length).toBeGreaterThan(50);
});
