/** `missing`: `vpatch run` cannot work. `warning`: it can, with what `meaning` says. `unknown`: it cannot be seen. */
export type FindingStatus = 'ok' | 'warning' | 'missing' | 'unknown';

/** Something that was looked at on this machine. */
export interface MachineFinding {
  /** Stable, for scripts. */
  readonly check: string;
  readonly status: FindingStatus;
  /** What is there. */
  readonly detail: string;
  /** What follows from it; null where nothing does. */
  readonly meaning: string | null;
  /** The command or the step that mends it; null where nothing has to be done. */
  readonly advice: string | null;
}

export const ok = (check: string, detail: string): MachineFinding => ({
  check,
  status: 'ok',
  detail,
  meaning: null,
  advice: null,
});

export const unknown = (check: string, detail: string, advice: string | null = null): MachineFinding => ({
  check,
  status: 'unknown',
  detail,
  meaning: null,
  advice,
});

export const warning = (check: string, detail: string, meaning: string, advice: string): MachineFinding => ({
  check,
  status: 'warning',
  detail,
  meaning,
  advice,
});

export const missing = (check: string, detail: string, meaning: string, advice: string): MachineFinding => ({
  check,
  status: 'missing',
  detail,
  meaning,
  advice,
});
