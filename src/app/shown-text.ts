import { latin1 } from '../base/bytes.ts';

/** Of one text that traffic has sent, in events: a log line is for reading. */
export const MAX_TEXT_CHARACTERS = 1000;
/** Of a list that traffic has sent, such as the recipients of a mail. */
export const MAX_LISTED = 32;

/** The beginning of a text for events, one character a byte. */
export const shownText = (bytes: Uint8Array): string => latin1(bytes, 0, Math.min(bytes.length, MAX_TEXT_CHARACTERS));
