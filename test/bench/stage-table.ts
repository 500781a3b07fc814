import { markdown, percent, shown } from './report.ts';
import type { StageCost } from './stage-costs.ts';

/** Of packets that have so many bytes on average. */
export function stageTable(costs: readonly StageCost[], packetBytes: number): string {
  const wholeNs = costs.at(-1)!.soFarNs;
  return markdown(
    ['stage', 'ns a packet', 'share', 'up to it: k packets/s', 'Gbit/s'],
    costs.map(({ stage, ownNs, soFarNs }) => [
      stage,
      shown(Math.round(ownNs)),
      percent(ownNs / wholeNs),
      shown(1e6 / soFarNs),
      shown((packetBytes * 8) / soFarNs),
    ]),
  );
}
