/** A number that one step reads from the traffic and later ones use. Written while a rule is evaluated. */
export class ByteVariable {
  readonly name: string;
  /** Up to 2^53 exactly; larger numbers are rounded, and no offset is that large. */
  value = 0;

  constructor(name: string) {
    this.name = name;
  }
}
