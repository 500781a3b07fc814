import { expect, test } from 'vitest';
import { APP_BUFFERS } from '../../src/app/index.ts';
import { keywordReference } from '../../src/rules/reference.ts';

const INTRODUCTION = `# Keywords of rules

The rule language is that of Suricata 7. What a keyword does here that it does not do there says *Unlike Suricata*; what
differs beyond single keywords is in [suricata-differences.md](suricata-differences.md). Sticky buffers are those that
[protocols.md](protocols.md) lists, with the frames that \`frame\` can name. \`vpatch rules keywords NAME\` prints one of
these rows.

This page is made from the source, by \`make docs\`.`;

test('docs/keywords.md lists every keyword', async () => {
  const page = `${INTRODUCTION}\n\n${keywordReference(APP_BUFFERS, 'markdown')}`;
  await expect(page).toMatchFileSnapshot('../../docs/keywords.md');
});
