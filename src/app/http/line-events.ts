import type { HttpEvent } from './events.ts';
import { LINE_FAULT } from './head.ts';

/** What each fault of a line is called. */
export const REQUEST_LINE_EVENTS: readonly (readonly [number, HttpEvent])[] = [
  [LINE_FAULT.missingColon, 'http.request_field_missing_colon'],
  [LINE_FAULT.invalidName, 'http.request_header_invalid'],
  [LINE_FAULT.spaceBeforeColon, 'http.request_field_space_before_colon'],
  [LINE_FAULT.folded, 'http.request_field_folding'],
  [LINE_FAULT.foldedFirst, 'http.invalid_request_field_folding'],
  [LINE_FAULT.bareCr, 'http.request_bare_cr'],
  [LINE_FAULT.nul, 'http.request_nul'],
  [LINE_FAULT.lfAlone, 'http.request_lf_line_end'],
  [LINE_FAULT.tooManyFields, 'http.request_too_many_fields'],
  [LINE_FAULT.controlInName, 'http.request_field_name_control'],
];

export const RESPONSE_LINE_EVENTS: readonly (readonly [number, HttpEvent])[] = [
  [LINE_FAULT.missingColon, 'http.response_field_missing_colon'],
  [LINE_FAULT.invalidName | LINE_FAULT.spaceBeforeColon, 'http.response_header_invalid'],
  [LINE_FAULT.folded, 'http.response_field_folding'],
  [LINE_FAULT.foldedFirst, 'http.invalid_response_field_folding'],
  [LINE_FAULT.bareCr, 'http.response_bare_cr'],
  [LINE_FAULT.nul, 'http.response_nul'],
  [LINE_FAULT.tooManyFields, 'http.response_too_many_fields'],
];
