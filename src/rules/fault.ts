/**
 * Why a rule cannot be loaded. Thrown within the compiler only, which turns it into a `RuleDiagnostic`: rule text is
 * the user's, so nobody outside ever sees this.
 */
export class RuleFault extends Error {
  override name = 'RuleFault';
  /** Offset in the rule's text, or null: where the keyword is. */
  readonly at: number | null;

  constructor(message: string, at: number | null = null) {
    super(message);
    this.at = at;
  }
}
