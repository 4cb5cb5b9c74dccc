/** Applies one change of a webhook. Everything in it may have come before, and may come again: nothing happens twice. */

import { type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import type { z } from 'zod';
import { MessagesValue, PreferencesValue } from '../../providers/whatsapp/events.ts';
import { completed, contactsOf } from '../../providers/whatsapp/person.ts';
import { accountEvent } from '../account-events.ts';
import { noteAccountEvent } from '../account-log.ts';
import { companiesOfAccount, companyOfNumber } from '../company.ts';
import { readPreference } from '../elements.ts';
import { learnUsers } from '../people.ts';
import { applyPreference } from '../preferences.ts';
import type { EventPayload } from '../webhook.ts';
import { applyMessages } from './messages.ts';
import { notUnderstood } from './not-understood.ts';
import { applyTemplateEvent } from './templates.ts';

/** Known, and of no use here. A field that stands neither here nor below is not understood. */
const IGNORED_FIELDS: ReadonlySet<string> = new Set([
  'account_offboarded',
  'account_reconnected',
  'account_settings_update',
  'automatic_events',
  'business_status_update',
  'business_username_update',
  'calls',
  'flows',
  'group_lifecycle_update',
  'group_participants_update',
  'group_settings_update',
  'group_status_update',
  'history',
  'message_echoes',
  'messaging_handovers',
  'partner_solutions',
  'payment_configuration_update',
  'smb_app_state_sync',
  'smb_message_echoes',
  'standby',
  'template_correct_category_detection',
  'tracking_events',
]);

export const run: Handler<EventPayload> = (context) => applyEvent(database(), context);

/** Answers what was done, or comes again while statuses wait for their messages. What is not understood becomes a dead letter. */
export async function applyEvent(
  executor: Executor,
  { payload, job }: Pick<JobContext<EventPayload>, 'payload' | 'job'>,
): Promise<unknown> {
  const { accountId, field, value, unread } = payload;
  if (IGNORED_FIELDS.has(field)) return { ignored: { [field]: 1 } };
  if (unread) throw new NonRetryableError(`not understood: ${unread.why}. The payload holds the JSON that came`);
  switch (field) {
    case 'messages': {
      const messages = accepted(MessagesValue, field, value);
      const company = await ofNumber(executor, messages.metadata.phone_number_id);
      return applyMessages(executor, company, messages, { repairs: payload.repairs ?? 0, state: job.state });
    }
    case 'user_preferences': {
      const preferences = accepted(PreferencesValue, field, value);
      const { companyId } = await ofNumber(executor, preferences.metadata.phone_number_id);
      return applyPreferences(executor, companyId, preferences);
    }
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
      throw notUnderstood([`expected a field that is known, got '${field}'`], 1);
  }
}

async function applyPreferences(
  executor: Executor,
  companyId: string,
  { contacts, user_preferences: given = [] }: z.output<typeof PreferencesValue>,
): Promise<unknown> {
  const known = contactsOf(contacts);
  const read = given.map(readPreference).filter((one) => one !== null);
  const people = read.map(({ person, stops }) => ({ ...completed(person, known), stops }));
  const seen = people.flatMap(({ userId, phone, username }) =>
    userId === null ? [] : [{ userId, phone, username, wamid: null, opaqueId: null }],
  );
  const phoneOfUser = await learnUsers(executor, companyId, seen);
  for (const { phone, userId, stops } of people)
    await applyPreference(executor, {
      companyId,
      phone: phone ?? phoneOfUser.get(userId ?? '') ?? null,
      userId,
      stops,
    });
  const strange = given.length - read.length;
  if (strange > 0 || given.length === 0)
    throw notUnderstood(
      Array.from({ length: strange || 1 }, () => 'expected preferences about marketing messages of a person'),
      given.length,
    );
  return { preferences: read.length };
}

async function applyAccountEvent(
  executor: Executor,
  companies: readonly string[],
  { field, value }: Pick<EventPayload, 'field' | 'value'>,
): Promise<unknown> {
  const event = accountEvent(field, value);
  if (event === null) throw notUnderstood([`expected a value of '${field}' as Meta documents it`], 1);
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

async function ofNumber(executor: Executor, phoneNumberId: string) {
  const company = await companyOfNumber(executor, phoneNumberId);
  if ('companyId' in company) return company;
  throw new NonRetryableError(`${company.mend}, then replay this job`); // nothing is lost
}

function accepted<Schema extends z.ZodType>(schema: Schema, field: string, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.map(String).join('.');
  throw new NonRetryableError(`expected a value of '${field}' as Meta documents it, got another at '${where}'`);
}
