import { expect, test } from 'vitest';
import { compileText, TEST_ENVIRONMENT } from './support.ts';

const messagesOf = (options: string, list = ''): string[] =>
  compileText(`alert ip any any -> any any (${options} sid:1;)`, {
    ...TEST_ENVIRONMENT,
    fileText: (ruleFile, name) => (`${ruleFile} ${name}` === 'test.rules list.txt' ? list : null),
  }).diagnostics.map(({ severity, message }) => `${severity}: ${message}`);

test.each([
  ['filemd5:list.txt;', ''],
  ['filemd5:"list.txt";', '# nothing\n\n\t\n  x\n'],
  ['filesha1:!list.txt;', `${'0f'.repeat(20)}, with a remark\n`],
])('%s is a good rule with %j in its list', (options, list) => {
  expect(messagesOf(options, list)).toEqual([]);
});

test.each([
  ['filemd5:other.txt;', 'error: other.txt cannot be read'],
  ['filemd5:a b;', 'error: filemd5 takes a file'],
  ['filemd5;', 'error: filemd5 needs a value'],
  ['filesize:many;', 'error: "many" is no number, comparison or range'],
  ['filestore:here;', 'error: filestore takes request, response or both, then file, tx or flow, or nothing'],
  ['filestore;', 'warning: the file is not stored: vpatch stores none'],
])('%s is told of', (options, message) => {
  expect(messagesOf(options)).toEqual([message]);
});

test('lines of a list that are no digest are told of, and the others count', () => {
  const list = `${'0f'.repeat(16)}\nbad\n${'0f'.repeat(20)}\n`;
  expect(messagesOf('filemd5:list.txt;', list)).toEqual(['warning: list.txt line 2: no MD5; such lines: 2']);
});
