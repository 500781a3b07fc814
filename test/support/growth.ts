/** Of linear work, with room for what other processes and the garbage collector add. Quadratic work grows by 100. */
export const LINEAR = 30;

/**
 * How many times more processor time ten times the input takes. `prepare` makes the work on an input of that scale. The
 * least of several tries counts, since others only ever add time.
 */
export async function growthOf(prepare: (scale: 1 | 10) => () => unknown): Promise<number> {
  const small = prepare(1);
  const large = prepare(10);
  // The first time it is also compiled.
  await small();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5 && least > LINEAR; i++) least = Math.min(least, (await costMs(large)) / (await costMs(small)));
  return least;
}

/** Of one run, in milliseconds; of short work the mean of several. */
async function costMs(work: () => unknown): Promise<number> {
  const startedAt = process.cpuUsage();
  let usedMs = 0;
  let runs = 0;
  while (usedMs < 3) {
    await work();
    runs++;
    const { user, system } = process.cpuUsage(startedAt);
    usedMs = (user + system) / 1000;
  }
  return usedMs / runs;
}
