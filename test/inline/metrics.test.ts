import { expect, test } from 'vitest';
import { Load } from '../support/load.ts';
import { until } from '../support/netns.ts';
import { PROGRAM, VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { PAGE } from '../support/web-server.ts';

const METRICS_PORT = 9469;
const RULE =
  'drop http any any -> any any (msg:"evil"; flow:established,to_server; http.uri; content:"/evil"; sid:1;)\n';

describeWithWebServer('the running service is watched', (bed) => {
  const scrape = async (host = '127.0.0.1'): Promise<ReadonlyMap<string, number>> => {
    const { status, output, error } = await bed.testbed.finish('server', 'curl', [
      '-sSf',
      '-m',
      '5',
      `http://${host}:${METRICS_PORT}/metrics`,
    ]);
    if (status !== 0) throw new Error(`no metrics: ${error}`);
    const samples = output.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
  };

  test('its metrics follow what it does, while requests run', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed, {
      rules: RULE,
      args: ['-m', 'prevent', '--queues', '2'],
      config: `metrics: { listen: 127.0.0.1:${METRICS_PORT} }\n`,
    });
    await until('metrics are there', () => vpatch.log.includes('metrics are at'));
    const before = await scrape();
    expect(before.get('vpatch_mode{mode="prevent"}')).toBe(1);
    expect(before.get('vpatch_inspecting')).toBe(1);
    expect(before.get('vpatch_rules{action="drop"}')).toBe(1);
    expect(before.get('vpatch_drops_total{reason="rules"}')).toBe(0);

    const load = await Load.start(bed.testbed, { url: bed.url(), page: PAGE });
    await bed.testbed.finish('client', 'curl', ['-s', '-m', '1', bed.url('/evil')]);
    await until('packets are counted', async () => {
      return (await scrape()).get('vpatch_packets_total')! > before.get('vpatch_packets_total')! + 100;
    });
    expect((await load.stop()).failures).toEqual([]);
    await until('the drop is counted', async () => (await scrape()).get('vpatch_drops_total{reason="rules"}')! > 0);

    const after = await scrape();
    expect(after.get('vpatch_alerts_total')).toBeGreaterThan(0);
    expect(after.get('vpatch_flows_total')).toBeGreaterThan(0);
    const packets = after.get('vpatch_verdict_latency_seconds_count')!;
    expect(packets).toBeGreaterThan(100);
    expect(after.get('vpatch_verdict_latency_seconds_bucket{le="+Inf"}')).toBe(packets);
    expect(after.get('vpatch_verdict_latency_seconds_sum')).toBeGreaterThan(0);
    expect(after.get('vpatch_queue_inspecting{queue="1"}')).toBe(1);
    expect(after.get('vpatch_queue_overflowed_packets_total{queue="0"}')).toBe(0);
    await expect(scrape(bed.testbed.addresses.server[4])).rejects.toThrow('no metrics');
    expect(await vpatch.stop()).toBe(0);
  });

  test('health says what it says to monitoring', async () => {
    const health = async (control: string) => {
      const { status, output } = await bed.testbed.finish('server', process.execPath, [
        PROGRAM,
        'health',
        '--control',
        control,
      ]);
      return { status, output };
    };
    const vpatch = await VpatchProcess.start(bed.testbed, { rules: RULE, args: ['--queues', '2'] });
    expect(await health(vpatch.control)).toEqual({
      status: 0,
      output: expect.stringMatching(
        /^VPATCH OK - detect mode, rules in force: 1, ruleset [0-9a-f]+ \| packets=\d+c .*\n$/,
      ),
    });
    bed.testbed.run('server', 'iptables', ['-t', 'mangle', '-F']);
    await until('it is told', async () => (await health(vpatch.control)).status === 1);
    expect((await health(vpatch.control)).output).toContain(
      'WARNING - removals of the firewall rules by somebody else in the last 5 minutes: 1',
    );
    expect(await vpatch.stop()).toBe(0);
    expect(await health(vpatch.control)).toMatchObject({
      status: 2,
      output: expect.stringMatching(/^VPATCH CRITICAL - vpatch is not running/),
    });
  });

  test('without being asked for, nothing listens', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed);
    expect(bed.testbed.run('server', 'ss', ['-ltnH']).output).not.toContain(`:${METRICS_PORT}`);
    expect(await vpatch.stop()).toBe(0);
  });
});
