import { expect, test } from 'vitest';
import type { Interception } from '../../src/service/interception.ts';
import { chainsListed, nftInstallText, nftRemoveText, queuesListed } from '../../src/service/nftables.ts';
import { INTERCEPTION } from '../support/interception.ts';

const host: Interception = { ...INTERCEPTION, queueCount: 2, hooks: ['input', 'output'], managementPorts: [22] };

test('a host, fail open', () => {
  expect(nftInstallText(host, [])).toBe(`add table inet vpatch
add chain inet vpatch input { type filter hook input priority -150; policy accept; }
add chain inet vpatch output { type filter hook output priority -150; policy accept; }
flush chain inet vpatch input
flush chain inet vpatch output
add rule inet vpatch input iifname "lo" return
add rule inet vpatch input tcp dport 22 return
add rule inet vpatch input meta nfproto ipv4 udp sport 67-68 udp dport 67-68 return
add rule inet vpatch input meta nfproto ipv6 udp dport 546-547 return
add rule inet vpatch input icmp type 3 icmp code 4 return
add rule inet vpatch input icmpv6 type 2 return
add rule inet vpatch input icmpv6 type 133 return
add rule inet vpatch input icmpv6 type 134 return
add rule inet vpatch input icmpv6 type 135 return
add rule inet vpatch input icmpv6 type 136 return
add rule inet vpatch input queue num 0-1 bypass
add rule inet vpatch output oifname "lo" return
add rule inet vpatch output tcp sport 22 return
add rule inet vpatch output meta nfproto ipv4 udp sport 67-68 udp dport 67-68 return
add rule inet vpatch output meta nfproto ipv6 udp dport 546-547 return
add rule inet vpatch output icmp type 3 icmp code 4 return
add rule inet vpatch output icmpv6 type 2 return
add rule inet vpatch output icmpv6 type 133 return
add rule inet vpatch output icmpv6 type 134 return
add rule inet vpatch output icmpv6 type 135 return
add rule inet vpatch output icmpv6 type 136 return
add rule inet vpatch output queue num 0-1 bypass
`);
});

test('fail closed: without a listener the kernel drops', () => {
  const text = nftInstallText({ ...host, failure: 'closed', queueCount: 1, firstQueue: 5, interfaces: ['eth0'] }, []);
  expect(text).toContain('add rule inet vpatch input iifname "eth0" queue num 5\n');
  expect(text).not.toContain('bypass');
});

test('base chains of an earlier run are emptied and never deleted: that would drop what waits in any queue', () => {
  const text = nftInstallText({ ...host, hooks: ['input'] }, ['input', 'forward']);
  expect(text).toContain('flush chain inet vpatch forward\n');
  expect(text).not.toContain('delete');
  expect(text.match(/flush chain inet vpatch input\n/g)).toHaveLength(1);
});

test('what comes back with the mark is rejected, by chains that come after the queue', () => {
  const text = nftInstallText({ ...host, hooks: ['forward'], rejectMark: 0x20000000 }, []);
  expect(text.split('\n').slice(0, 7)).toEqual([
    'add table inet vpatch',
    'add chain inet vpatch forward { type filter hook forward priority -150; policy accept; }',
    'add chain inet vpatch forward_reject { type filter hook forward priority 0; policy accept; }',
    'flush chain inet vpatch forward',
    'flush chain inet vpatch forward_reject',
    'add rule inet vpatch forward_reject meta mark & 0x20000000 == 0x20000000 meta l4proto tcp reject with tcp reset',
    'add rule inet vpatch forward_reject meta mark & 0x20000000 == 0x20000000 reject with icmpx type port-unreachable',
  ]);
});

test('bypassed connections stay out of the queue, save SYN, FIN and RST, and are marked behind it', () => {
  const text = nftInstallText({ ...host, hooks: ['input'], managementPorts: [], bypassMark: 0x10 }, []);
  expect(text.split('\n').slice(1, 14)).toEqual([
    'add chain inet vpatch input { type filter hook input priority -150; policy accept; }',
    'add chain inet vpatch input_save { type filter hook input priority 50; policy accept; }',
    'add chain inet vpatch bypass',
    'flush chain inet vpatch input',
    'flush chain inet vpatch bypass',
    'flush chain inet vpatch input_save',
    'add rule inet vpatch input_save meta mark & 0x10 == 0x10 ct mark set ct mark | 0x10 meta mark set meta mark & 0xffffffef',
    'add rule inet vpatch bypass tcp flags & (fin | syn | rst | ack) == ack accept',
    'add rule inet vpatch bypass tcp flags & syn == syn ct mark set ct mark & 0xffffffef',
    'add rule inet vpatch bypass tcp flags & syn != syn meta mark set meta mark | 0x10',
    'add rule inet vpatch bypass meta l4proto udp accept',
    'add rule inet vpatch input iifname "lo" return',
    'add rule inet vpatch input ct mark & 0x10 == 0x10 jump bypass',
  ]);
});

test('queues by ports: a hash that is the same both ways', () => {
  const text = nftInstallText({ ...host, firstQueue: 4, queueCount: 3, balance: 'ports' }, []);
  expect(text).toContain(' queue flags bypass to symhash mod 3 offset 4\n');
  const closed = nftInstallText({ ...host, firstQueue: 4, queueCount: 3, balance: 'ports', failure: 'closed' }, []);
  expect(closed).toContain(' queue to symhash mod 3 offset 4\n');
  expect(queuesListed('\t\tqueue flags bypass to symhash mod 3 offset 4\n')).toEqual([4, 5, 6]);
  expect(queuesListed('\t\tqueue to symhash mod 2\n')).toEqual([0, 1]);
});

test('what waits in a queue while the rules go can still be rejected', () => {
  expect(nftRemoveText(['input', 'input_reject', 'input_save', 'forward'])).toBe(
    'flush chain inet vpatch input\nflush chain inet vpatch forward\n',
  );
  expect(nftRemoveText([])).toBe('');
});

const LISTED = `table inet vpatch {
	chain input {
		type filter hook input priority mangle; policy accept;
		iifname "lo" return
		queue flags bypass to 2-3
	}

	chain forward {
		type filter hook forward priority mangle; policy accept;
		queue num 7 bypass
	}
}
`;

test('what nft lists: base chains, and queue numbers in the old and the new notation', () => {
  expect(chainsListed(LISTED)).toEqual(['input', 'forward']);
  expect(queuesListed(LISTED)).toEqual([2, 3, 7]);
  expect(
    queuesListed('table inet vpatch {\n\tchain input {\n\t\ttype filter hook input priority -150;\n\t}\n}'),
  ).toEqual([]);
});
