/** WhatsApp's Cloud API, as far as this product uses it: sending, what errors mean, limits, signed webhooks. */
export { whatsAppAccount } from './whatsapp/account.ts';
export { type Effect, effectOf, wordsOf } from './whatsapp/effects.ts';
export {
  MANAGEMENT_LIMIT,
  managementBucket,
  numberBucket,
  numberLimit,
  PAIR_LIMIT,
  pairBucket,
  throttleMs,
} from './whatsapp/limits.ts';
export type { TemplateComponent, TemplateParameter, WhatsAppMessage } from './whatsapp/message.ts';
export {
  checkCredentials,
  inShort,
  type SendOutcome,
  sendMessage,
  type WhatsAppAccount,
  type WhatsAppError,
} from './whatsapp/send.ts';
export { isSigned, signatureOf } from './whatsapp/signature.ts';
export { readTemplatesPage } from './whatsapp/templates.ts';
