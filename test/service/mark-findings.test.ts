import { describe, expect, test } from 'vitest';
import { mergeConfig } from '../../src/config/overrides.ts';
import type { RunCommand } from '../../src/service/command.ts';
import { iptablesMarks, marks, nftMarks, routingMarks } from '../../src/service/mark-findings.ts';

const ALL_BITS = 0xffff_ffff;
/** A host on which these tools print this. */
const host =
  (printed: Readonly<Record<string, string>>): RunCommand =>
  (program) => ({ status: 0, output: printed[program] ?? '', error: '' });

describe('bits of marks that others use', () => {
  test.each([
    ['-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000', 0x4000],
    ['-A cali-FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT', 0x10000],
    ['-A PREROUTING -j MARK --set-xmark 0x1/0xffffffff', ALL_BITS],
    ['-A INPUT -m mark --mark 0x1 -j ACCEPT', ALL_BITS],
    ['-A OUTPUT -m connmark ! --mark 0x20000000/0x30000000 -j DROP', 0x30000000],
    ['-A OUTPUT -j CONNMARK --restore-mark --nfmask 0xff0000 --ctmask 0xff00', 0xffff00],
  ])('of iptables: %s', (line, mask) => {
    expect(iptablesMarks(`*mangle\n:PREROUTING ACCEPT [0:0]\n${line}\nCOMMIT\n`)).toEqual([{ rule: line, mask }]);
  });

  test('of iptables, neither ours nor rules without marks', () => {
    const saved = '-A VPATCH-IN -m connmark --mark 0x10000000/0x10000000 -j VPATCH-BYPASS\n-A INPUT -p tcp -j ACCEPT\n';
    expect(iptablesMarks(saved)).toEqual([]);
  });

  test.each([
    ['meta mark set meta mark | 0x00004000', 0x4000],
    ['meta mark and 0xff0000 == 0x40000 accept', 0xff0000],
    ['ct mark 0x00000001 accept', ALL_BITS],
    ['meta mark set ct mark', ALL_BITS],
  ])('of nftables: %s', (rule, mask) => {
    const ruleset = `table inet other {\n\tchain a {\n\t\ttype filter hook input priority 0;\n\t\t${rule}\n\t}\n}\n`;
    expect(nftMarks(ruleset)).toEqual([{ rule, mask }]);
    expect(nftMarks(ruleset.replace('inet other', 'inet vpatch'))).toEqual([]);
    expect(nftMarks(ruleset.replace('inet other', 'ip mangle'))).toEqual([]);
  });

  test('of policy routing', () => {
    const rules = '0:\tfrom all lookup local\n10:\tfrom all fwmark 0x80000/0xff0000 lookup main\n';
    expect(routingMarks(rules)).toEqual([
      { rule: 'ip rule 10:\tfrom all fwmark 0x80000/0xff0000 lookup main', mask: 0xff0000 },
    ]);
    expect(routingMarks('9:\tnot from all fwmark 0xca6c lookup 51820')).toMatchObject([{ mask: ALL_BITS }]);
  });
});

describe('the finding', () => {
  const kubernetes = '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\n';
  const calico = '-A cali-OUTPUT -j MARK --set-xmark 0x0/0xffff0000\n';

  test('is good where nobody has our bits', () => {
    expect(marks(mergeConfig(), host({}))).toMatchObject({ status: 'ok', detail: 'nobody else marks packets' });
    expect(marks(mergeConfig(), host({ 'iptables-save': kubernetes })).status).toBe('ok');
  });

  test('names who has them, and bits that are free', () => {
    const finding = marks(mergeConfig(), host({ 'iptables-save': kubernetes + calico }));
    expect(finding).toMatchObject({
      status: 'warning',
      detail: calico.trim(),
      meaning: expect.stringContaining('(0x10000000, 0x20000000)'),
      advice: 'bypass.mark: 0x8000, queue.reject-mark: 0x2000',
    });
    const other = mergeConfig({ bypass: { mark: 0x8000 }, queue: { rejectMark: 0x2000 } });
    expect(marks(other, host({ 'iptables-save': kubernetes + calico })).status).toBe('ok');
    const everything = host({ 'iptables-save': '-A a -j MARK --set-xmark 0x0/0xfffffffe\n' });
    expect(marks(mergeConfig(), everything).advice).toBe('have the others use fewer bits');
  });

  test('asks for a mask where a rule looks at all bits', () => {
    const finding = marks(mergeConfig(), host({ ip: '9:\tnot from all fwmark 0xca6c lookup 51820\n' }));
    expect(finding.advice).toBe('give the rules that look at all bits a mask');
  });
});
