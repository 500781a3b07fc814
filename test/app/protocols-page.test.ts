import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { APP_EVENTS } from '../../src/app/all-events.ts';
import { APP_BUFFERS, APP_PROTOCOLS } from '../../src/app/index.ts';
import { type AppProtocol, STREAM_FRAME } from '../../src/app/protocol.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { createFinger } from './example/finger.ts';
import { cut, trace } from './trace.ts';

const EXAMPLE = readFileSync('test/app/example/finger.ts', 'utf8').replaceAll('../../../src/app/', '../').trim();

const HOW_TO = `# Application protocols

What vpatch knows of protocols, and how to add one. What holds for every parser, and how those that are there work, says
[src/app/README.md](../src/app/README.md). The tables are made from the source, by \`make docs\`.

## Adding a protocol

1. A folder \`src/app/NAME/\` with a value of the type \`AppProtocol\` (\`src/app/protocol.ts\`): its name, as rule headers and
   EVE spell it, its buffers, how it is recognised, its parser, and what EVE shows of a transaction.
2. One line in each list of \`src/app/index.ts\`: the protocol and its events. From then on rules can name it in their
   header and in \`app-layer-protocol\`, its buffers are sticky buffers, and its events are checks and arguments of
   \`app-layer-event\`.
3. A keyword with a value of its own, such as \`dns.opcode\`, is a file in \`src/rules/keywords/\`, and one line in the
   \`index.ts\` there. It compares what a buffer holds that is marked \`isInternal\`.
4. What it runs over: \`transports\`. If it carries files: \`files\`, and \`fileBuffers\` of \`src/app/files.ts\`.
5. Tests: the same bytes in any pieces give the same trace, changed bytes never throw, and each event is raised
   (\`test/app/trace.ts\` has the tools; \`test/app/dns.test.ts\` is a model). Then \`make docs\`.

A parser gets bytes of a stream as they become contiguous, or one datagram with each call. It may keep what it was given
only as a copy. It tells its sink of progress (\`head\`: what comes first is there; \`body\`: a growing buffer has grown;
\`complete\`, once for each direction) and of events. Three things end it: \`isDone\`, nothing that comes will be parsed;
\`handover\`, from some byte on another protocol speaks, which is looked for anew; \`close\`, the flow is gone.

Where rules may look into the stretches that a protocol is made of (\`frame\`), its parser tells \`channel.frames\` where
they lie, and \`AppProtocol.frames\` names them.

A probe says \`yes\`, \`no\`, or \`more\` for too few bytes, of the first bytes in one direction. It sees the ports, for content
that says too little by itself. Whoever speaks first is \`firstDirection\`; if the other side does, that is an event.

### A worked example

All of a small protocol: the line of a finger client (RFC 1288). \`test/app/protocols-page.test.ts\` runs it.

\`\`\`ts
${EXAMPLE}
\`\`\`

A rule on it: \`alert finger any any -> any any (msg:"x"; finger.query; content:"root"; sid:1;)\`.`;

const LIMITS = `Those of HTTP that can be set are in [configuration.md](configuration.md).`;

test('docs/protocols.md says what there is', async () => {
  const protocols = ['## Protocols', ...APP_PROTOCOLS.map(describeProtocol)];
  const limits = ['## Limits', LIMITS, table(['limit', 'value', 'where', 'meaning'], limitsBelow('src/app'))];
  await expect(`${[HOW_TO, ...protocols, ...limits].join('\n\n')}\n`).toMatchFileSnapshot('../../docs/protocols.md');
});

function describeProtocol({ name, transports, frames }: AppProtocol): string {
  const buffers = APP_BUFFERS.filter(({ protocol, definition }) => protocol === name && definition.isInternal !== true);
  const events = [...APP_EVENTS.keys()].filter((event) => event.startsWith(`${name}.`)).length;
  const rows = buffers.map(({ definition: { name: buffer, aliases = [], direction, summary } }) => [
    [buffer, ...aliases].map((text) => `\`${text}\``).join(', '),
    direction === null ? 'both' : direction === TO_SERVER ? 'client' : 'server',
    summary,
  ]);
  const over = transports.map((transport) => transport.toUpperCase()).join(' and ');
  return [
    `### ${name}`,
    `Over ${over}; ${events} [checks](checks.md).`,
    ...(frames === undefined ? [] : [`Frames: ${frameNames(frames)}.`]),
    ...(rows.length === 0 ? [] : [table(['buffer, other names', 'who sends it', 'what it holds'], rows)]),
  ].join('\n\n');
}

const frameNames = ({ prefix, names }: NonNullable<AppProtocol['frames']>): string =>
  [...names, STREAM_FRAME].map((name) => `\`${prefix}.${name}\``).join(', ');

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** Every bound that has a comment of its own, as the sources have them; others are parts of a format. */
function limitsBelow(folder: string): string[][] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return files.sort().flatMap((file) => {
    const text = readFileSync(`${folder}/${file}`, 'utf8');
    const found = text.matchAll(/(?:\/\*\*((?:(?!\*\/).)*)\*\/\n)?(?:export )?const (MAX_\w+) = ([^;]+);/gs);
    return Array.from(found, ([, comment = '', name, value]) => [
      `\`${name}\``,
      `\`${value}\``,
      file,
      comment.replace(/\s*\n\s*\* ?/g, ' ').trim(),
    ]).filter(([, , , comment]) => comment !== '');
  });
}

describe('the worked example', () => {
  const finger = createFinger() as AppProtocol;
  const sent = (text: string) => [{ direction: TO_SERVER, bytes: fromLatin1(text) }] as const;

  test('does what the page says', () => {
    const traced = trace(finger, sent('root\r\n'), -1, 79);
    expect(traced.lines).toEqual(['0 client head', '0 client complete']);
    expect([traced.buffers.get('0 client finger.query'), traced.described.get(0)]).toEqual(['root', { query: 'root' }]);
    expect(trace(finger, cut(sent('root\r\n'), 1), -1, 79)).toEqual(traced);
  });

  test('keeps its limit', () => {
    const traced = trace(finger, sent(`${'x'.repeat(600)}\n`), -1, 79);
    expect(traced.lines[0]).toBe('0 client ! finger.long_query');
    expect(traced.buffers.get('0 client finger.query')).toHaveLength(512);
  });
});
