import { type AppEventInfo, drop, report } from '../events.ts';

/**
 * Every deviation that the SMTP parser reports. Names are Suricata's where it has one. What lets a server see other
 * mails or commands than a relay before it drops.
 */
export const SMTP_EVENTS = {
  // The dialogue: RFC 5321, RFC 2920, RFC 3030, RFC 3207.
  'smtp.no_server_welcome_message': report('the client spoke before the server had greeted it'),
  'smtp.invalid_reply': report('a reply without a code of three digits, or a greeting that is none'),
  'smtp.truncated_line': report('a command or a reply is over the limit, and was cut'),
  'smtp.too_many_pending_commands': drop('more commands without a reply than the limit'),
  'smtp.duplicate_fields': report('a second HELO, or a second sender of one mail'),
  'smtp.invalid_pipelined_sequence': drop(
    'a command behind STARTTLS, sent in the clear (CVE-2011-0411); or a mail for which the server has not agreed to DATA, or not offered BDAT',
  ),
  'smtp.invalid_chunk': drop('the size of a BDAT is not a plain number (RFC 3030 §2): servers disagree about it'),
  'smtp.command_too_long': drop(
    'a command of more than 4,096 bytes, or authentication over the limit: some servers read its rest as another command',
  ),
  'smtp.command_nul': drop('a NUL in a command: for some servers it ends there'),
  'smtp.tls_rejected': report('the server refused STARTTLS'),
  'smtp.data_command_rejected': report('the server refused DATA'),
  'smtp.end_of_data_ambiguous': drop('a dot between line ends that are not both CR LF: smuggling (CVE-2023-51764)'),
  'smtp.unparsable_content': report('a mail within a mail: the one before did not end'),
  // The mail: RFC 5322, RFC 2045, RFC 2046.
  'smtp.mime_invalid_base64': report('base64 with characters that are not in its alphabet'),
  'smtp.mime_invalid_qp': report('quoted-printable with an equals sign that escapes nothing'),
  'smtp.mime_long_line': report('a line of a mail is longer than 998 bytes (RFC 5322 §2.1.1)'),
  'smtp.mime_long_enc_line': report('a line of base64 or quoted-printable is longer than 76 bytes (RFC 2045 §6.7)'),
  'smtp.mime_long_header_name': report('the name of a field of a mail is longer than 75 bytes'),
  'smtp.mime_long_header_value': report('a field of a mail is longer than 2,000 bytes'),
  'smtp.mime_long_boundary': report('the boundary of a multipart is longer than 254 bytes, and was cut'),
  'smtp.mime_long_filename': report('the name of a file is longer than 255 bytes'),
  'smtp.mime_malformed_msg': report('a multipart without a boundary, or one that does not end'),
  'smtp.mime_structure_too_long': drop(
    'a field that says how a mail is made up is longer than 2,000 bytes; what is behind that is not looked into',
  ),
  'smtp.mime_structure_ambiguous': drop(
    'two types, encodings, dispositions or boundaries of one part that differ: readers disagree about which counts',
  ),
  'smtp.mime_boundary_ambiguous': drop('a boundary with something behind it: for most readers it is none'),
  'smtp.mime_too_many_levels': drop(
    'more multiparts within each other than the limit; the inner ones are not taken apart',
  ),
  'smtp.mime_too_many_files': drop('more attachments in a mail than the limit; the others are not looked into'),
} as const satisfies Record<string, AppEventInfo>;

export type SmtpEvent = keyof typeof SMTP_EVENTS;
