import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Interception } from '../../src/service/interception.ts';
import { chainsListed, NFT_DISPOSE_TEXT, nftInstallText, nftRemoveText } from '../../src/service/nftables.ts';
import { Testbed, whyNoTestbed } from '../support/netns.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NOTHING INLINE IS TESTED: ${reason}`);

const host: Interception = {
  firstQueue: 0,
  queueCount: 2,
  hooks: ['input', 'output', 'forward'],
  interfaces: ['eth0', 'lo'],
  managementPorts: [22, 8443],
  failure: 'open',
  rejectMark: 0x20000000,
  bypassMark: 0x10000000,
  balance: 'addresses',
};

const CHAINS = [
  'bypass',
  ...['forward', 'input', 'output'].flatMap((hook) => [hook, `${hook}_reject`, `${hook}_save`]),
];

/** Kernels without the queue expression take everything else: there, `accept` stands for it. */
describe.skipIf(reason !== null)('nft takes what we write', () => {
  let testbed: Testbed;
  let canQueue: boolean;
  beforeAll(() => {
    testbed = new Testbed();
    canQueue = apply('add table inet probe\nadd chain inet probe p\nadd rule inet probe p queue num 0\n') === '';
  });
  afterAll(() => testbed?.close());

  const apply = (text: string): string => testbed.run('server', 'nft', ['-f', '-'], text).error;
  const install = (interception: Interception, existing: ReturnType<typeof chainsListed>): string => {
    const text = nftInstallText(interception, existing);
    return apply(canQueue ? text : text.replaceAll(/queue num .*/g, 'accept'));
  };
  const listed = (): string => testbed.run('server', 'nft', ['list', 'table', 'inet', 'vpatch']).output;

  test('install, install again with other hooks, remove, dispose', () => {
    expect(install(host, [])).toBe('');
    const first = listed();
    expect(chainsListed(first).sort()).toEqual(CHAINS);
    expect(first.match(/reject with tcp reset/g)).toHaveLength(3);
    expect(first.match(/ct mark set/g)).toHaveLength(4);
    expect(first.match(/jump bypass/g)).toHaveLength(3);
    expect(first.match(/tcp dport 8443 return/g)).toHaveLength(1);

    expect(install(host, chainsListed(first))).toBe('');
    expect(listed()).toBe(first);

    expect(install({ ...host, hooks: ['input'] }, chainsListed(first))).toBe('');
    expect(chainsListed(listed()).sort()).toEqual(CHAINS);
    expect(listed()).not.toContain('oifname');

    expect(apply(nftRemoveText(chainsListed(listed())))).toBe('');
    expect(chainsListed(listed()).sort()).toEqual(CHAINS);
    expect(listed()).not.toContain('return');
    expect(listed()).toContain('reject with tcp reset');

    expect(apply(NFT_DISPOSE_TEXT)).toBe('');
    expect(listed()).toBe('');
  });
});
