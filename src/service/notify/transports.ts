import type { NotifySettings } from '../../config/notify-settings.ts';
import { MailTransport } from './mail.ts';
import type { MessageTransport } from './transport.ts';
import { WebhookTransport } from './webhook.ts';

export const transportsOf = ({ mail, webhook }: NotifySettings): readonly MessageTransport[] => [
  ...(mail === null ? [] : [new MailTransport(mail)]),
  ...(webhook === null ? [] : [new WebhookTransport(webhook)]),
];
