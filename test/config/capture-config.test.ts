import { expect, test } from 'vitest';
import { captureConfig } from '../../src/config/capture-config.ts';
import { DEFAULTS } from '../../src/config/config.ts';
import { mergeConfig } from '../../src/config/overrides.ts';

test('what is not set is as in Suricata, and what is set stays', () => {
  const { stream, tunnel } = captureConfig(DEFAULTS);
  expect([stream.midstream, stream.strayEnds, tunnel.isIpv4InIpv4Open]).toEqual([false, 'drop', false]);
  const chosen = mergeConfig(DEFAULTS, {
    stream: { midstream: true, strayEnds: 'pass' },
    tunnel: { isIpv4InIpv4Open: true },
  });
  expect(captureConfig(chosen)).toEqual(chosen);
});
