import type { FailureMode } from '../../../src/config/config.ts';

/** What a worker can do when the test says so. */
export const WAYS_TO_FAIL = ['hangs', 'dies', 'runs out of memory'] as const;
export type WayToFail = (typeof WAYS_TO_FAIL)[number];

/** Worker environment data: an Int32 in shared memory, 0 or one more than the place in WAYS_TO_FAIL. */
export const FAILURE_SWITCH = 'vpatch-test-failure';

/** What the service of the test is to do. */
export interface FailingServiceSettings {
  readonly rules: string;
  readonly wayToFail: WayToFail;
  readonly failure: FailureMode;
  /** All that it writes is there. */
  readonly folder: string;
}
