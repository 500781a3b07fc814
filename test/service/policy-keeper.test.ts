import { expect, test } from 'vitest';
import { type Config, DEFAULTS } from '../../src/config/config.ts';
import { policyRulesFile } from '../../src/config/state-paths.ts';
import { composePolicy } from '../../src/patches/policy.ts';
import { KeptPolicy } from '../../src/service/kept-policy.ts';
import { type Policy, policyVersion } from '../../src/service/policy.ts';
import { PolicyKeeper, type ReadPolicy } from '../../src/service/policy-keeper.ts';
import { compileRuleset, type RuleReport, reportOf } from '../../src/service/rule-set.ts';
import type { RuleTexts } from '../../src/service/rule-texts.ts';

const textsOf = (text: string, file = '/etc/vpatch/own.rules'): RuleTexts => ({
  files: [{ file, text }],
  classification: null,
  reference: null,
  threshold: null,
  reputation: null,
});
const policyOf = (text: string, config: Config = DEFAULTS): Policy => ({ config, rules: textsOf(text) });
const reported = ({ rules, config }: Policy): RuleReport => reportOf(compileRuleset(rules, config));

const NO_IMAGE = new Uint8Array(new SharedArrayBuffer(0));

const GOOD = 'alert tcp any any -> any any (msg:"a"; sid:1;)\n';
const BROKEN = 'alert tcp any any -> any any (msg:"b"; nokeyword; sid:2;)\n';

function setUp(first: Policy) {
  const state = {
    next: { status: 'ok', policy: first } as ReturnType<ReadPolicy>,
    adopted: [] as Policy[],
    nowMs: 1,
    releases: 0,
  };
  let adoption: () => Promise<void> = async () => {};
  const keeper = new PolicyKeeper(
    {
      policy: KeptPolicy.of(first),
      read: () => state.next,
      check: async (policy) => ({ rules: reported(policy), checked: { ...policy, image: NO_IMAGE, datasets: [] } }),
      adopt: async (checked) => {
        await adoption();
        state.adopted.push(checked);
      },
      release: async () => {
        state.releases++;
      },
      now: () => state.nowMs,
    },
    reported(first),
  );
  return {
    keeper,
    state,
    offer: (policy: Policy) => {
      state.next = { status: 'ok', policy };
    },
    failAdoption: (message: string) => {
      adoption = () => Promise.reject(new Error(message));
    },
  };
}

test('new rules are taken over and counted', async () => {
  const { keeper, state, offer } = setUp(policyOf(GOOD));
  offer(policyOf(`${GOOD}drop tcp any any -> any any (msg:"c"; sid:3;)\n`));
  state.nowMs = 2;
  const before = keeper.version;
  expect(await keeper.reload(false)).toMatchObject({ status: 'ok', isChanged: true, rules: { loaded: 2 } });
  expect(keeper.rules.byAction).toEqual({ alert: 1, drop: 1, pass: 0, reject: 0 });
  expect(keeper.version).not.toBe(before);
  expect(keeper.loadedAtMs).toBe(2);
  expect(state.adopted).toHaveLength(1);
});

test('memory is given back behind every change, and every attempt at one', async () => {
  const { keeper, state, offer } = setUp(policyOf(GOOD));
  offer(policyOf(GOOD.replace('sid:1', 'sid:5')));
  await keeper.reload(false);
  expect(state.releases).toBe(1);
  offer(policyOf(GOOD + BROKEN));
  await keeper.reload(false);
  expect(state.releases).toBe(2);
});

test('what is the same is not taken over', async () => {
  const { keeper, state, offer } = setUp(policyOf(GOOD));
  offer(policyOf(GOOD));
  expect(await keeper.reload(false)).toMatchObject({ status: 'ok', isChanged: false });
  expect(state.adopted).toEqual([]);
});

test('a rule that is newly refused keeps everything as it was, unless forced', async () => {
  const { keeper, state, offer } = setUp(policyOf(GOOD));
  offer(policyOf(GOOD + BROKEN));
  const version = keeper.version;
  expect(await keeper.reload(false)).toEqual({
    status: 'refused',
    reasons: [expect.stringMatching(/^\/etc\/vpatch\/own\.rules:2:\d+: error: .*nokeyword.*\(sid 2\)$/)],
  });
  expect({ version: keeper.version, adopted: state.adopted }).toEqual({ version, adopted: [] });
  expect(await keeper.reload(true)).toMatchObject({ status: 'ok', newlyRefused: [expect.stringContaining('sid 2')] });
});

test('a rule that was refused before is no reason, wherever in its file it stands now', async () => {
  const { keeper, offer } = setUp(policyOf(BROKEN + GOOD));
  offer(policyOf(GOOD.replace('"a"', '"other"') + BROKEN));
  expect(await keeper.reload(false)).toMatchObject({ status: 'ok', isChanged: true, newlyRefused: [] });
});

test('files that are empty now keep everything as it was, unless forced or the scan needs no patch', async () => {
  const { keeper, offer } = setUp(policyOf(GOOD));
  offer(policyOf('# nothing\n'));
  expect(await keeper.reload(false)).toEqual({
    status: 'refused',
    reasons: [expect.stringMatching(/^no rule would be left of 1: .*--force/)],
  });
  expect(keeper.rules.loaded).toBe(1);
  expect(await keeper.reload(true)).toMatchObject({ status: 'ok', isChanged: true, rules: { loaded: 0 } });

  const none = composePolicy({ createdMs: 0, preset: 'balanced', choices: [], pins: {} }, new Map()).rules;
  const assigned = (text: string): Policy => ({
    config: DEFAULTS,
    rules: textsOf(text, policyRulesFile(DEFAULTS.state.folder)),
  });
  const { keeper: scanned, offer: assign } = setUp(assigned(GOOD + none));
  assign(assigned(none));
  expect(await scanned.reload(false)).toMatchObject({ status: 'ok', isChanged: true, rules: { loaded: 0 } });
});

test('many reasons are cut short', async () => {
  const { keeper, offer } = setUp(policyOf(GOOD));
  const many = Array.from({ length: 100 }, (_, i) => BROKEN.replace('sid:2', `sid:${i + 100}`)).join('');
  offer(policyOf(GOOD + many));
  const refused = await keeper.reload(false);
  expect(refused.status === 'refused' && refused.reasons).toHaveLength(21);
});

test('a configuration that is wrong keeps everything as it was', async () => {
  const { keeper, state } = setUp(policyOf(GOOD));
  state.next = { status: 'invalid', problems: ['vpatch.yaml:1:1: no'] };
  expect(await keeper.reload(true)).toEqual({ status: 'refused', reasons: ['vpatch.yaml:1:1: no'] });
});

test('workers that cannot take it over keep everything as it was', async () => {
  const { keeper, offer, failAdoption } = setUp(policyOf(GOOD));
  const { version, policy } = keeper;
  offer(policyOf(GOOD.replace('sid:1', 'sid:5')));
  failAdoption('no memory');
  expect(await keeper.reload(false)).toEqual({ status: 'refused', reasons: ['no memory'] });
  expect({ version: keeper.version, policy: keeper.policy }).toEqual({ version, policy });
});

test('what needs a start is left as it is, and named', async () => {
  const { keeper, offer } = setUp(policyOf(GOOD));
  const config: Config = {
    ...DEFAULTS,
    mode: 'prevent',
    checks: { ...DEFAULTS.checks, policy: 'report' },
    failure: { engine: 'closed', limits: 'open' },
    flow: { ...DEFAULTS.flow, maxTcpFlows: 5 },
    queue: { ...DEFAULTS.queue, lengthPackets: 99, managementPorts: [22] },
  };
  offer(policyOf(GOOD, config));
  expect(await keeper.reload(false)).toMatchObject({ status: 'ok', waiting: ['flow', 'failure', 'queue'] });
  expect(keeper.policy.config).toMatchObject({
    mode: 'prevent',
    checks: { policy: 'report' },
    failure: { engine: 'open', limits: 'open' },
    flow: DEFAULTS.flow,
    queue: { lengthPackets: 4096, managementPorts: [22] },
  });
});

test('changes are made one after the other', async () => {
  const { keeper, offer, state } = setUp(policyOf(GOOD));
  offer(policyOf(GOOD.replace('sid:1', 'sid:5')));
  const homes = (config: Config): Config => ({
    ...config,
    variables: { ...config.variables, addresses: { ...config.variables.addresses, HOME_NET: '192.0.2.1' } },
  });
  await Promise.all([keeper.reconfigure(homes), keeper.reload(false), keeper.reconfigure(homes)]);
  expect(state.adopted).toHaveLength(3);
  expect(keeper.policy.config.variables.addresses.HOME_NET).toBe('192.0.2.1');
  expect(keeper.policy.policy.rules.files[0]?.text).toContain('sid:5');
});

test('the version is that of the content, not of the place', () => {
  const version = policyVersion(policyOf(GOOD));
  expect(policyVersion({ config: DEFAULTS, rules: textsOf(GOOD, '/elsewhere.rules') })).toBe(version);
  expect(policyVersion(policyOf(GOOD, { ...DEFAULTS, mode: 'prevent' }))).toBe(version);
  const metrics = { listen: { address: '127.0.0.1', port: 9469 } };
  expect(policyVersion(policyOf(GOOD, { ...DEFAULTS, metrics }))).toBe(version);
  expect(policyVersion(policyOf(`${GOOD} `))).not.toBe(version);
  expect(policyVersion(policyOf(GOOD, { ...DEFAULTS, failure: { engine: 'open', limits: 'open' } }))).not.toBe(version);
});
