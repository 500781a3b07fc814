import { formatProblem } from '../../config/problem.ts';
import { withoutControls } from '../../output/log.ts';
import { type Catalogue, type Patch, readCatalogue } from '../../patches/catalogue.ts';
import { nearestName } from '../../rules/nearest-name.ts';
import { EXIT, Failure } from '../failure.ts';

/** The shipped patches. A broken one is told, and costs none of the others. */
export function loadCatalogue(): Catalogue {
  const catalogue = readCatalogue();
  for (const problem of catalogue.problems) {
    process.stderr.write(`vpatch: ${withoutControls(formatProblem(problem))}\n`);
  }
  return catalogue;
}

/** By id or by any of its CVEs, in any case of letters. */
export function patchNamed({ patches }: Catalogue, name: string): Patch {
  const wanted = name.toLowerCase();
  const found = patches.find(
    ({ id, description }) => id === wanted || description.cves.some((cve) => cve.toLowerCase() === wanted),
  );
  if (found !== undefined) return found;
  const near = nearestName(
    wanted,
    patches.map(({ id }) => id),
  );
  throw new Failure(EXIT.usage, `there is no patch ${name}${near === null ? '' : `; did you mean ${near}?`}`);
}

/** A patch as `--json` prints it. */
export const asJson = ({ id, software, description, rules, rulesFile }: Patch): object => ({
  id,
  software,
  ...description,
  rules: rules.map(({ sid, rev, action, message }) => ({ sid, rev, action, message })),
  rules_file: rulesFile,
});
