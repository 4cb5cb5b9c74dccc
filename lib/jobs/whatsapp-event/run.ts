/** Applies one change of a webhook. Everything in it may have come before, and may come again: nothing happens twice. */
import type { z } from 'zod';
import { database } from '../../../db/client.ts';
import type { Executor } from '../../../db/database.ts';
import { NonRetryableError } from '../../jobqueue/errors.ts';
import { continueWith, type Handler, type JobContext } from '../../jobqueue/job.ts';
import { log } from '../../log.ts';
import { accountEvent } from '../../messaging/accountEvents.ts';
import { noteAccountEvent } from '../../messaging/accountLog.ts';
import { type Addressee, companiesOfAccount, companyOfNumber } from '../../messaging/company.ts';
import { storeInbound } from '../../messaging/inbound.ts';
import { isKeyword, OPT_IN_WORDS } from '../../messaging/optOutWords.ts';
import { applyPreference } from '../../messaging/preferences.ts';
import { applyParkedStatuses, applyStatuses } from '../../messaging/statuses.ts';
import { phoneOfWaId } from '../../phone/index.ts';
import {
  errorText,
  InboundMessage,
  MessagesValue,
  PreferenceEvent,
  PreferencesValue,
  StatusEvent,
  textOf,
} from '../../providers/whatsapp/events.ts';

import { applyTemplateEvent } from './templates.ts';

interface Payload {
  readonly accountId: string;
  readonly field: string;
  readonly value: Record<string, unknown>;
}

/** A status whose message is not known yet is looked for again: our own answer may be stored seconds after the webhook. */
const PARKED_AGAIN_MS = [2_000, 10_000, 60_000, 600_000];

export const run: Handler<Payload> = (context) => applyEvent(database(), context);

/** Answers how much of it was new, or comes again while statuses wait for their messages. */
export async function applyEvent(
  executor: Executor,
  { payload, job }: Pick<JobContext<Payload>, 'payload' | 'job'>,
): Promise<unknown> {
  const { accountId, field, value } = payload;
  switch (field) {
    case 'messages':
      return applyMessages(executor, accepted(MessagesValue, field, value), lookOf(job.state));
    case 'user_preferences':
      return applyPreferences(executor, accepted(PreferencesValue, field, value));
    case 'message_template_status_update':
    case 'template_category_update':
    case 'message_template_quality_update':
    case 'message_template_components_update':
      return applyTemplateEvent(executor, await ofAccount(executor, accountId), { field, value });
    case 'account_update':
    case 'account_review_update':
    case 'account_alerts':
    case 'phone_number_quality_update':
    case 'phone_number_name_update':
    case 'business_capability_update':
    case 'security':
      return applyAccountEvent(executor, await ofAccount(executor, accountId), { field, value });
    default:
      return { ignored: field }; // subscribed to by mistake, or new
  }
}

async function applyMessages(
  executor: Executor,
  { metadata, messages = [], statuses = [], errors }: z.output<typeof MessagesValue>,
  look: number,
): Promise<unknown> {
  const company = await ofNumber(executor, metadata.phone_number_id);
  const { companyId, optOutKeywords } = company;
  if (look > 0) return waitForParked(executor, companyId, look);
  if (errors && errors.length > 0)
    log.warn({ companyId, code: errors[0]?.code, error: errorText(errors) }, 'whatsapp_error');
  let stored = 0;
  for (const message of known(InboundMessage, messages)) {
    const text = textOf(message);
    const isNew = await storeInbound(executor, {
      companyId,
      phone: phoneOfWaId(message.from),
      wamid: message.id,
      atMs: Number(message.timestamp) * 1000,
      kind: message.type,
      text,
      replyTo: message.context?.id ?? null,
      isOptOut: text !== null && isKeyword(text, optOutKeywords),
      isOptIn: text !== null && isKeyword(text, OPT_IN_WORDS),
      wantsReply: text !== null && text.trim() !== '',
    });
    if (isNew) stored++;
  }
  const events = known(StatusEvent, statuses);
  const parked = events.length > 0 ? await applyStatuses(executor, companyId, events) : 0;
  const result = { messages: messages.length, stored, statuses: events.length, parked };
  return parked > 0 ? continueWith({ look: 1 }, { delayMs: PARKED_AGAIN_MS[0] as number }) : result;
}

async function waitForParked(executor: Executor, companyId: string, look: number): Promise<unknown> {
  const waiting = await applyParkedStatuses(executor, companyId);
  const delayMs = PARKED_AGAIN_MS[look];
  return waiting > 0 && delayMs !== undefined ? continueWith({ look: look + 1 }, { delayMs }) : { waiting };
}

async function applyPreferences(executor: Executor, value: z.output<typeof PreferencesValue>): Promise<unknown> {
  const { companyId } = await ofNumber(executor, value.metadata.phone_number_id);
  const marketing = known(PreferenceEvent, value.user_preferences ?? []).filter(
    ({ category }) => category === 'marketing_messages',
  );
  for (const { wa_id: waId, value: said } of marketing)
    await applyPreference(executor, { companyId, phone: phoneOfWaId(waId), stops: said === 'stop' });
  return { preferences: marketing.length };
}

async function applyAccountEvent(
  executor: Executor,
  companies: readonly string[],
  { field, value }: Pick<Payload, 'field' | 'value'>,
): Promise<unknown> {
  const event = accountEvent(field, value);
  if (event === null) throw new NonRetryableError(`expected a value of '${field}' as Meta documents it, got another`);
  const stored = await noteAccountEvent(executor, companies, { field, ...event });
  return { event: event.event, severity: event.severity, stored };
}

async function ofAccount(executor: Executor, accountId: string): Promise<readonly string[]> {
  const companies = await companiesOfAccount(executor, accountId);
  if (companies.length > 0) return companies;
  throw new NonRetryableError(
    `no company has the WhatsApp account ${accountId}: set it in its settings or in WHATSAPP_ACCOUNT_ID, then replay`,
  );
}

async function ofNumber(executor: Executor, phoneNumberId: string): Promise<Addressee> {
  const company = await companyOfNumber(executor, phoneNumberId);
  if (company !== null) return company;
  // Nothing is lost: once the number is in the settings of its company, the dead letter is replayed.
  throw new NonRetryableError(`no company has the WhatsApp number ${phoneNumberId}`);
}

function accepted<Schema extends z.ZodType>(schema: Schema, field: string, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.map(String).join('.');
  throw new NonRetryableError(`expected a value of '${field}' as Meta documents it, got another at '${where}'`);
}

/** Those that are what Meta documents; the others are told of and passed over: they would never be anything else. */
function known<Schema extends z.ZodType>(schema: Schema, values: readonly unknown[]): z.output<Schema>[] {
  const parsed = values.map((value) => schema.safeParse(value));
  const strange = parsed.filter(({ success }) => !success).length;
  if (strange > 0) log.warn({ strange, of: values.length }, 'whatsapp_event_unknown');
  return parsed.flatMap((one) => (one.success ? [one.data] : []));
}

function lookOf(state: unknown): number {
  return typeof state === 'object' && state !== null && 'look' in state && typeof state.look === 'number'
    ? state.look
    : 0;
}
