/** A message, ready to be sent. */
export interface Rendered {
  /** One line without control characters. */
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The same for programs; a JSON value. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** One way to people. */
export interface MessageTransport {
  /** In the log. */
  readonly name: string;
  /**
   * One attempt, until it is over or `signal` gives up. Resolves with what the server answered; rejects with
   * DeliveryError, and with nothing else.
   */
  send(message: Rendered, signal: AbortSignal): Promise<string>;
}

/** The message was not taken. The text says why, and has no secret in it. */
export class DeliveryError extends Error {
  override name = 'DeliveryError';
  /** Another attempt may succeed. */
  readonly isTemporary: boolean;

  constructor(message: string, isTemporary: boolean) {
    super(message);
    this.isTemporary = isTemporary;
  }
}
