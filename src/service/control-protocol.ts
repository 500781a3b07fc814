import { z } from 'zod';
import { MODES } from '../config/config.ts';
import { newExceptionSchema } from './exception-store.ts';

/** One line of JSON, and one line back for each. A longer one is nobody's of ours. */
export const MAX_REQUEST_BYTES = 64 * 1024;

const request = z.discriminatedUnion('command', [
  z.strictObject({ command: z.literal('status') }),
  z.strictObject({ command: z.literal('top') }),
  z.strictObject({ command: z.literal('mode'), mode: z.enum(MODES) }),
  /** `force`: also when rules are refused that are not refused now. */
  z.strictObject({ command: z.literal('reload'), force: z.boolean() }),
  z.strictObject({ command: z.literal('except-add'), exception: newExceptionSchema }),
  z.strictObject({ command: z.literal('except-list') }),
  z.strictObject({ command: z.literal('except-remove'), ids: z.array(z.int().min(1)).min(1) }),
  z.strictObject({ command: z.literal('stop') }),
]);
export type ControlRequest = z.input<typeof request>;
/** With defaults filled in. */
export type ParsedRequest = z.output<typeof request>;

/** `kind` becomes the exit code; each line is for the user. */
export type ControlAnswer =
  | { readonly status: 'ok'; readonly result: unknown }
  | { readonly status: 'failed'; readonly kind: FailureKind; readonly lines: readonly string[] };
/** `absent`: no service answers. */
export type FailureKind = 'problem' | 'usage' | 'machine' | 'absent';

export const failed = (kind: FailureKind, ...lines: readonly string[]): ControlAnswer => ({
  status: 'failed',
  kind,
  lines,
});

/** What cannot be a request of ours is a problem for whoever sent it. */
export function parseRequest(line: string): { readonly request: ParsedRequest } | { readonly problem: string } {
  try {
    const parsed = request.safeParse(JSON.parse(line));
    if (parsed.success) return { request: parsed.data };
    const own = parsed.error.issues.find(({ path }) => path[0] === 'exception');
    return { problem: own?.message ?? NOT_UNDERSTOOD };
  } catch {
    return { problem: NOT_UNDERSTOOD };
  }
}

const NOT_UNDERSTOOD = 'the running service does not know this request: it may be of another version than this command';

const answer = z.union([
  z.object({ status: z.literal('ok'), result: z.unknown() }),
  z.object({ status: z.literal('failed'), kind: z.enum(['problem', 'usage', 'machine']), lines: z.array(z.string()) }),
]);

/** Null: this is no answer of ours. */
export function parseAnswer(line: string): ControlAnswer | null {
  try {
    return answer.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
