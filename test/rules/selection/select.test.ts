import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ListName } from '../../../src/rules/selection/lists.ts';
import { selectRules } from '../../../src/rules/selection/select.ts';
import { sourceRules } from '../../../src/rules/selection/source-rule.ts';

const rule = (sid: number, options = '', action = 'alert'): string =>
  `${action} tcp any any -> any any (msg:"rule ${sid}"; ${options}sid:${sid}; rev:2;)`;

function select(rules: string, lists: Partial<Record<ListName, string>>, file = '/rules/emerging-dos.rules') {
  const texts = Object.fromEntries(Object.entries(lists).map(([name, text]) => [name, { file: `${name}.conf`, text }]));
  const selection = selectRules([{ file, text: rules }], texts);
  return { ...selection, text: selection.files[0]!.text };
}

/** Which rules are in force, with their actions. */
const inForce = (text: string): string[] =>
  sourceRules('x.rules', text)
    .filter(({ isEnabled }) => isEnabled)
    .map(({ sid, parsed }) => `${parsed.action} ${sid}`);

describe('rules of a file', () => {
  test('are also those behind a comment sign, and no prose', () => {
    const text = [
      '# alert: see (below)',
      rule(1),
      `#${rule(2)}`,
      `  ## ${rule(3)}`,
      '# alert tcp any any -> any any \\',
      '#   (msg:"in pieces"; sid:4;)',
      'alert tcp any any -> any any \\',
      `#${rule(9)}`,
    ].join('\n');
    expect(sourceRules('x.rules', text).map(({ sid, line, isEnabled }) => [sid, line.line, isEnabled])).toEqual([
      [1, 2, true],
      [2, 3, false],
      [3, 4, false],
      [4, 5, false],
    ]);
  });
});

describe('enable, disable and drop', () => {
  const rules = [
    rule(1),
    `# ${rule(2)}`,
    rule(3, 'metadata:attack_target Server, policy Balanced;'),
    `#${rule(4)}`,
  ].join('\n');

  test.each([
    ['1', ['alert 3']],
    ['1:3', ['alert 1']],
    ['1:3:9', ['alert 1', 'alert 3']],
    ['1, 1:3:2', []],
    ['2:1', ['alert 1', 'alert 3']],
    ['*', []],
    ['re:RULE [12]"', ['alert 3']],
    ['group:emerging-dos', []],
    ['group: emerging-d*.rules', []],
    ['emerging-dos.rules', []],
    ['group:dos', ['alert 1', 'alert 3']],
    ['filename:rules/*dos*', []],
    ['filename:ules/*', ['alert 1', 'alert 3']],
    ['metadata:attack_target server', ['alert 1']],
    ['metadata: policy balanced', ['alert 1']],
    ['metadata: policy bal', ['alert 1', 'alert 3']],
    ['multi:group:emerging-dos;re:rule 3;', ['alert 1']],
    ['1 # since it is noisy', ['alert 3']],
  ])('a disabling line %s leaves %j', (line, left) => {
    expect(inForce(select(rules, { disable: line }).text)).toEqual(left);
  });

  test('disable comes before enable, and drop keeps what is not in force as it is', () => {
    const { text, changes } = select(rules, { disable: '*', enable: '1:2\n3', drop: '2\n4' });
    expect(inForce(text)).toEqual(['drop 2', 'alert 3']);
    expect(text.split('\n')[3]).toContain('# drop  tcp');
    expect(changes.filter(({ sid }) => sid === 2)).toEqual([
      { gid: 1, sid: 2, file: '/rules/emerging-dos.rules', line: 2, kind: 'enabled', reason: 'enable.conf:1: 1:2' },
      { gid: 1, sid: 2, file: '/rules/emerging-dos.rules', line: 2, kind: 'dropped', reason: 'drop.conf:1: 2' },
    ]);
  });

  test('a rule without alerts never drops', () => {
    const silent = [rule(1, 'flowbits:set,a; flowbits:noalert; '), rule(2, 'noalert; ')].join('\n');
    expect(inForce(select(silent, { drop: '*' }).text)).toEqual(['alert 1', 'alert 2']);
  });

  test('every rule stays on its line', () => {
    const text = [rule(1), 'alert tcp any any -> any any \\', '  (msg:"x"; \\', '   sid:2;)', rule(3)].join('\n');
    const { text: disabled } = select(text, { disable: '2' });
    expect(inForce(disabled)).toEqual(['alert 1', 'alert 3']);
    const { text: again } = select(disabled, { enable: '2', modify: '2 "x" "y"' });
    expect(sourceRules('x', again).map(({ sid, line, isEnabled }) => [sid, line.line, isEnabled])).toEqual([
      [1, 1, true],
      [2, 2, true],
      [3, 5, true],
    ]);
    expect(again).toContain('msg:"y"');
  });
});

describe('modify', () => {
  const modified = (line: string, text = rule(1, 'content:"a"; ')) => select(text, { modify: line });

  test.each([
    ['1 "any any ->" "10.0.0.0/8 any ->"', /^alert tcp 10\.0\.0\.0\/8 any -> any any/],
    ['re:. ^alert drop', /^drop tcp/],
    [`1 'content:"(.)"' 'content:"\\1\\1"'`, /content:"aa"/],
    ['1 "content:.(.)." "content:\\"|61|\x24{1}\\""', /content:"\|61\|a"/],
    ['1 "(?i)CONTENT:(?<c>...)" "content:\\g<1>; nocase"', /content:"a"; nocase;/],
    ['modifysid 1 "^alert" | "reject"', /^reject tcp/],
    ['metadata-add 1 "owner" "web team"', /rev:2; metadata:owner web team;\)$/],
    ['1 "x*" ""', /^alert tcp any any/],
  ])('%s', (line, form) => {
    expect(modified(line).text).toMatch(form);
    expect(modified(line).problems).toEqual([]);
  });

  test('applies its lines one after the other', () => {
    expect(modified('1 ^alert drop\n* ^drop pass').text).toMatch(/^pass/);
  });

  test('sees the comment sign of a rule that is not in force, and may take it away', () => {
    expect(modified('1 ^alert drop', `# ${rule(1)}`).text).toMatch(/^# +alert/);
    expect(inForce(modified('1 "^# " ""', `# ${rule(1)}`).text)).toEqual(['alert 1']);
    expect(inForce(modified('1 ^alert "#alert"').text)).toEqual([]);
  });

  test('leaves a rule alone of which it would make nonsense', () => {
    const { text, problems } = modified('1 "[(].*" ""');
    expect(inForce(text)).toEqual(['alert 1']);
    expect(problems).toEqual([
      expect.objectContaining({
        file: 'modify.conf',
        line: 1,
        severity: 'error',
        message: expect.stringContaining('1:1'),
      }),
    ]);
  });
});

describe('flowbits', () => {
  const rules = [
    `#${rule(1, 'flowbits:isset,first; flowbits:set,second; ')}`,
    `#${rule(2, 'flowbits:set,first; flowbits:noalert; ')}`,
    rule(3, 'flowbits:isset,second|other; '),
    `#${rule(4, 'flowbits:set,unasked; ')}`,
  ].join('\n');

  test('what an enabled rule needs comes back into force without alerts, and what that one needs', () => {
    const { text, changes } = select(rules, {});
    expect(inForce(text)).toEqual(['alert 1', 'alert 2', 'alert 3']);
    expect(text.split('\n')[0]).toContain(' noalert; sid:1;');
    expect(text.split('\n')[1]!.match(/noalert/g)).toHaveLength(1);
    expect(changes.map(({ sid, kind, reason }) => [sid, kind, reason])).toEqual([
      [1, 'needed', 'second'],
      [2, 'needed', 'first'],
    ]);
  });

  test('even what disable.conf names', () => {
    expect(inForce(select(rules.replaceAll('#', ''), { disable: '2' }).text)).toContain('alert 2');
  });
});

describe('what is wrong with a list', () => {
  test.each([
    ['disable', '1\n nonsense', 'disable.conf:2:2: error: expected *, a sid,'],
    ['disable', 're:(', 'disable.conf:1:5: error: PCRE2 says'],
    ['disable', '1,2:3:4:5', 'disable.conf:1:1: error: "2:3:4:5" is no sid'],
    ['enable', 'metadata:policy', 'enable.conf:1:10: error: metadata: needs a key and a value'],
    ['enable', 'group:', 'enable.conf:1:1: error: group: needs something'],
    ['drop', 'multi:1;zzz', 'drop.conf:1:9: error: expected'],
    ['modify', '1 "a"', 'modify.conf:1:1: error: expected a matcher'],
    ['modify', '1 "a" "b', 'modify.conf:1:7: error: " without its end'],
    ['modify', '1 "(" b', 'modify.conf:1:5: error: PCRE2 says'],
    ['modify', 'zzz a b', 'modify.conf:1:1: error: expected *'],
    ['disable', '77', 'disable.conf:1:1: warning: no rule matches 77'],
    ['drop', 're:nowhere', 'drop.conf:1:1: warning: no rule matches re:nowhere'],
    ['modify', '77 a b', 'modify.conf:1:1: warning: no rule matches 77 a b'],
  ] as const)('%s: %s', (list, text, message) => {
    const { problems, files } = select(rule(1), { [list]: list === 'disable' ? text : `\n${text}`.trimStart() });
    const told = problems.map((p) => `${p.file}:${p.line}:${p.column}: ${p.severity}: ${p.message}`);
    expect(told).toContainEqual(expect.stringContaining(message));
    expect(files).toHaveLength(1);
  });

  test('a line is matched when the rule already is what it asks for', () => {
    expect(select(rule(1), { enable: '1' }).problems).toEqual([]);
    expect(select(`#${rule(1)}`, { disable: '1' }).problems).toEqual([]);
  });
});

test('no line of a list makes anything throw, nor a rule that it does not name change', () => {
  const word = fc.oneof(
    fc.constantFrom(
      '1',
      '1:2',
      '*',
      're:',
      'group:x',
      'filename:[',
      'metadata:a b',
      'multi:',
      '"^alert"',
      '"',
      "'",
      '\\',
      '(',
      '\\1',
    ),
    fc.string({ maxLength: 6 }),
  );
  const text = fc.array(word, { maxLength: 5 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(fc.constantFrom('disable', 'enable', 'drop', 'modify'), text, (list, line) => {
      const { text: after, problems } = select(rule(7), { [list]: line });
      const isNamed = problems.every(({ name }) => name !== 'unmatched-line');
      if (!isNamed) expect(after).toBe(rule(7));
      for (const problem of problems) expect(problem).toMatchObject({ file: `${list}.conf`, line: expect.any(Number) });
    }),
  );
});

test('what is chosen is what is read again, whatever the file looks like', () => {
  const line = fc.oneof(
    fc.constantFrom('', '# a remark', '  # alert me (please)', 'nonsense \\', '# comment \\'),
    fc
      .tuple(fc.constantFrom('', '#', '  # ', ' '), fc.integer({ min: 1, max: 9 }))
      .map(([sign, sid]) => sign + rule(sid)),
    fc.integer({ min: 1, max: 9 }).map((sid) => rule(sid).replace('-> ', '-> \\\n ')),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.constantFrom('\n', '\r\n'), (lines, newline) => {
      const text = lines.join('\n').replaceAll('\n', newline);
      const before = sourceRules('x', text);
      const after = sourceRules('x', select(text, { disable: '1,2,3', enable: '3,4', drop: '4,5' }).text);
      const wanted = before.map(({ sid, line: { line }, isEnabled, parsed }) => ({
        sid,
        line,
        isEnabled: sid === 3 || sid === 4 || (isEnabled && sid > 2),
        action: sid === 4 || sid === 5 ? 'drop' : parsed.action,
      }));
      expect(
        after.map(({ sid, line: { line }, isEnabled, parsed: { action } }) => ({ sid, line, isEnabled, action })),
      ).toEqual(wanted);
    }),
  );
});
