import type { CompressCallback, ZlibOptions } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { DEFAULTS } from '../../src/config/config.ts';
import { policyRulesFile } from '../../src/config/state-paths.ts';
import { KeptPolicy } from '../../src/service/kept-policy.ts';
import { type Policy, policyVersion } from '../../src/service/policy.ts';

const memory = vi.hoisted(() => ({ isFull: false }));
vi.mock('node:zlib', async (importOriginal) => {
  const zlib = await importOriginal<typeof import('node:zlib')>();
  const deflateRaw = (bytes: Buffer, options: ZlibOptions, done: CompressCallback): void => {
    if (memory.isFull) done(new Error('insufficient memory'), Buffer.alloc(0));
    else zlib.deflateRaw(bytes, options, done);
  };
  return { ...zlib, deflateRaw };
});

const POLICY: Policy = {
  config: DEFAULTS,
  rules: {
    files: [
      { file: '/a.rules', text: '\ufeff# über \u{1f600}\r\nalert tcp any any -> any any (sid:1;)\n' },
      { file: '/empty.rules', text: '' },
      { file: policyRulesFile(DEFAULTS.state.folder), text: '# Policy 0123456789ab\n' },
    ],
    named: { '/names.lst': 'a.example\nb.example' },
    classification: 'config classification: a,b,1',
    reference: null,
    threshold: null,
    reputation: null,
  },
};

test('a policy that was packed is what it was', async () => {
  const kept = KeptPolicy.of(POLICY);
  await kept.pack();
  expect(kept.policy).toEqual(POLICY);
  expect(kept).toMatchObject({ version: policyVersion(POLICY), assigned: '0123456789ab' });
  await kept.pack();
  expect(kept.policy).toEqual(POLICY);
});

test('of its texts, the packed ones are all that is left', async () => {
  const kept = KeptPolicy.of({ ...POLICY, rules: { ...POLICY.rules, files: [{ file: '/a', text: 'x'.repeat(1e6) }] } });
  const before = kept.policy.rules;
  expect(kept.policy.rules).toBe(before);
  await kept.pack();
  expect(kept.policy.rules).not.toBe(before);
  expect(kept.policy.rules).toEqual(before);
});

test('another configuration has the same rules, packed or not', async () => {
  const kept = KeptPolicy.of(POLICY);
  const other = kept.withConfig({ ...DEFAULTS, mode: 'prevent' });
  await kept.pack();
  expect(other.policy).toEqual({ config: { ...DEFAULTS, mode: 'prevent' }, rules: POLICY.rules });
  expect(other.version).toBe(kept.version);
});

test('without memory to pack it, a policy stays as it is, and is packed the next time', async () => {
  const kept = KeptPolicy.of(POLICY);
  memory.isFull = true;
  await kept.pack();
  memory.isFull = false;
  expect(kept.policy.rules).toEqual(POLICY.rules);
  await kept.pack();
  expect(kept.policy).toEqual(POLICY);
});
