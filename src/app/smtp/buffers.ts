import { EMPTY_BYTES } from '../../base/bytes.ts';
import { TO_SERVER } from '../../base/direction.ts';
import { type FileSource, fileBuffers } from '../files.ts';
import { type BufferDefinition, STAGE } from '../protocol.ts';
import { singleBuffer } from '../single-buffer.ts';
import type { SmtpTransaction } from './transaction.ts';

/** The attachments. */
export const SMTP_FILES: FileSource<SmtpTransaction> = {
  name: (tx, direction, nth) => {
    const file = direction === TO_SERVER ? tx.files[nth] : undefined;
    return file === undefined ? null : (file.name ?? EMPTY_BYTES);
  },
  content: (tx, _direction, nth) => tx.files[nth]!.content.view(),
  isTruncated: (tx, _direction, nth) => tx.files[nth]!.isCut || tx.files[nth]!.content.isCut,
};

/** Every buffer of SMTP. The client sends them all. */
export const SMTP_BUFFERS: readonly BufferDefinition<SmtpTransaction>[] = [
  singleBuffer(
    {
      name: 'smtp.helo',
      summary: 'name that the client gives in HELO or EHLO',
      direction: TO_SERVER,
      stage: STAGE.body,
      isWhole: true,
    },
    ({ helo }) => helo,
  ),
  singleBuffer(
    {
      name: 'smtp.mail_from',
      summary: 'sender, as in MAIL FROM',
      direction: TO_SERVER,
      stage: STAGE.body,
      isWhole: true,
    },
    ({ sender }) => sender,
  ),
  {
    ...listed('smtp.rcpt_to', [], 'one recipient, as in RCPT TO', (tx, nth) => tx.recipients[nth] ?? null),
    isWhole: true,
  },
  listed('file.data', ['file_data'], 'content of one attachment, decoded', (tx, nth) => {
    const file = tx.files[nth];
    return file === undefined ? null : file.content.view();
  }),
  ...fileBuffers(TO_SERVER, SMTP_FILES),
];

/** A buffer of which there are as many as the message has. */
function listed(
  name: string,
  aliases: readonly string[],
  summary: string,
  read: (transaction: SmtpTransaction, nth: number) => Uint8Array | null,
): BufferDefinition<SmtpTransaction> {
  return {
    name,
    aliases,
    summary,
    direction: TO_SERVER,
    stage: STAGE.body,
    isRepeated: true,
    read: (transaction, direction, nth) => (direction === TO_SERVER ? read(transaction, nth) : null),
  };
}
