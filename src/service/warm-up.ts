import { mergeConfig } from '../config/overrides.ts';
import { EveWriter } from '../output/eve.ts';
import type { LineOutput } from '../output/line-output.ts';
import { Pipeline } from '../pipeline.ts';
import { rehearse } from './rehearsal.ts';
import { compileRuleset } from './rule-set.ts';

/**
 * Runs the code of inspection once, on made conversations with rules and a pipeline of its own, which nobody else ever
 * sees: V8 compiles a function when it is called for the first time, and the first packets would wait for some
 * thousand of them. What it reports is for nobody but tests. Never throws: what fails here is told when packets fail.
 */
export function warmUp(report: (line: string) => void = () => {}): void {
  try {
    const config = mergeConfig({ flow: FEW_FLOWS });
    const { ruleset } = compileRuleset(
      {
        files: [{ file: 'warm-up', text: RULES }],
        classification: null,
        reference: null,
        reputation: null,
        threshold: null,
      },
      config,
    );
    const eve = new EveWriter(lines(report), { mode: 'prevent', hasPacketNumbers: false, folding: config.events });
    rehearse(new Pipeline({ config, mode: 'prevent', ruleset, sink: eve, seed: [1, 2], midstreamUntilMs: 0 }));
    eve.close();
  } catch {
    return;
  }
}

/**
 * Of each kind of what rules look into, one that matches. No `content`: compiling patterns costs 2 MiB of libhs's code.
 */
const RULES = `
alert tcp any any -> any any (msg:"segment"; flow:established,to_server; dsize:>3; sid:1;)
alert http any any -> any any (msg:"uri"; http.method; bsize:3; http.uri; pcre:"/a=\\d/"; sid:2;)
alert http any any -> any any (msg:"status"; flow:to_client; http.stat_code; bsize:3; flowbits:set,warm; sid:3;)
alert tls any any -> any any (msg:"name"; tls.sni; bsize:11; sid:4;)
alert dns any any -> any any (msg:"query"; dns.query; bsize:11; threshold:type limit,track by_src,count 1,seconds 60; sid:5;)
alert udp any any -> any any (msg:"datagram"; dsize:>9; sid:6;)`;

/** The pipeline is gone at once. */
const FEW_FLOWS = { maxTcpFlows: 16, maxUdpFlows: 16, maxOtherFlows: 16 };

const lines = (write: (line: string) => void): LineOutput => ({ write, lostLines: 0, close: async () => {} });
