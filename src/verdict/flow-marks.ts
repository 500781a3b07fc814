import { FLOW_FLAG } from '../flow/flags.ts';
import type { Findings, Judgement } from './judge.ts';

/** What a judgement means for the later packets of the flow: bits of FLOW_FLAG. */
export function flowMarks({ condemnsFlow, exemptsFlow, bypassesFlow, check, rejects }: Judgement): number {
  let marks = (exemptsFlow ? FLOW_FLAG.passed : 0) | (bypassesFlow ? FLOW_FLAG.exempt : 0);
  if (!condemnsFlow) return marks;
  marks |= FLOW_FLAG.condemned;
  if (check !== null) return marks | FLOW_FLAG.broken;
  return rejects ? marks | FLOW_FLAG.rejected : marks;
}

/** From the marks of a flow that is condemned. */
export function condemnedBy(marks: number): NonNullable<Findings['condemnedBy']> {
  if ((marks & FLOW_FLAG.broken) !== 0) return 'check';
  return (marks & FLOW_FLAG.rejected) !== 0 ? 'reject' : 'drop';
}
