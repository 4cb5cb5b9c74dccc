/** Schemas of the requests to /api/campaigns. Anything else is a 400 that names the field. */
import { LIMITS } from '@conversure/jobqueue';
import { z } from 'zod';
import { instant as anyInstant, companyId, few, clientId as id, text } from '../fields.ts';
import { isTimeZone } from './campaign-send/zones.ts';

/** Some 2 MB of JSON, below what the platform lets a request carry; more people are imported as leads and chosen by tag. */
const MAX_PEOPLE = 10_000;
/** The most choices of one filter, and the most fields of one person. */
const MAX_CHOICES = 50;
export const LIST_LIMITS = { people: MAX_PEOPLE, fields: MAX_CHOICES } as const;
/** Meta's templates have some dozen gaps. */
const MAX_PARAMETERS = 200;

/** An address can hold anything, a NUL byte for one, which Postgres refuses. */
export const isCampaignId = (text: string): boolean => id.safeParse(text).success;
const language = z.string().regex(/^[a-z]{2,3}(_[A-Z]{2})?$/, 'expected a language of Meta, as in en or en_US');
const instant = anyInstant.transform((at) => at.toISOString());
/** The jobs of a campaign wait until it starts, and Postgres refuses one that waits longer. A day is left for a clock that differs. */
const MAX_AHEAD_MS = LIMITS.scheduledForMs - 86_400_000;
const start = anyInstant
  .refine((at) => at.getTime() - Date.now() <= MAX_AHEAD_MS, 'expected an instant within ten years')
  .transform((at) => at.toISOString());
const choices = z.array(text(200).min(1)).min(1).max(MAX_CHOICES);

const person = z.strictObject({
  phone: text(250).min(1),
  name: text(200).optional(),
  language: language.optional(),
  timeZone: text(60).optional(),
  consented: z.boolean().default(false),
  /** Fields that parameters can be filled with, besides name, first_name and phone. */
  fields: few(MAX_CHOICES, text(60), text(1024)).default({}),
});
export type Person = z.output<typeof person>;

/** Asking whether a name is a zone costs 40 µs: of a list of wrong ones only the first are told. */
const MOST_WRONG_ZONES = 100;

function refuseUnknownZones(people: readonly z.output<typeof person>[], context: z.RefinementCtx): void {
  let wrong = 0;
  for (const [n, { timeZone }] of people.entries()) {
    if (timeZone === undefined || isTimeZone(timeZone)) continue;
    context.addIssue({
      code: 'custom',
      path: [n, 'timeZone'],
      message: 'expected an IANA time zone, as in Asia/Dubai',
    });
    if (++wrong === MOST_WRONG_ZONES) return;
  }
}

const audience = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('leads'),
    anyTag: choices.optional(),
    allTags: choices.optional(),
    noTag: choices.optional(),
    sources: choices.optional(),
    importId: id.optional(),
    createdFrom: instant.optional(),
    createdBefore: instant.optional(),
  }),
  z.strictObject({
    kind: z.literal('list'),
    people: z.array(person).min(1).max(MAX_PEOPLE).superRefine(refuseUnknownZones),
  }),
]);

const source = z.union([
  z.strictObject({ value: text(1024).min(1) }),
  z.strictObject({ field: text(60).min(1), fallback: text(1024).min(1).optional() }),
]);

/** Quarters of an hour, so that every end of a quiet hour in every zone falls on one: see quiet-hours.ts. */
const localTime = z.string().regex(/^([01]\d|2[0-3]):(00|15|30|45)$/, 'expected HH:MM in quarters of an hour');
const quietHours = z
  .strictObject({ from: localTime, to: localTime })
  .refine(({ from, to }) => from !== to, 'expected hours that end at another time than they begin');

const price = z.number().min(0).max(1_000);

export const newCampaign = z.strictObject({
  /** The client's own: a request repeated under it is the same campaign. */
  id: id.optional(),
  companyId,
  name: text(200).min(1),
  template: z.strictObject({
    name: z.string().regex(/^[a-z0-9_]{1,512}$/, 'expected the name of a template'),
    language,
  }),
  audience,
  parameters: few(
    MAX_PARAMETERS,
    z.string().regex(/^(header|body|button\.\d)\.\w{1,60}$/, 'expected a key like body.1'),
    source,
  ).default({}),
  /** Local time of the recipient; null = at any hour. */
  quietHours: quietHours.nullable().default({ from: '21:00', to: '09:00' }),
  scheduledAt: start.optional(),
  expiresAt: instant.optional(),
  resendUnknown: z.boolean().default(false),
  needsConsent: z.boolean().default(false),
  cap: z.strictObject({ messages: z.int().min(1).max(100), hours: z.int().min(1).max(720) }).optional(),
  failureRatio: z.number().min(0.01).max(1).default(0.5),
  failureSample: z.int().min(10).max(1_000).default(50),
  shards: z.int().min(1).max(16).default(1),
  prices: z
    .strictObject({
      currency: z.string().regex(/^[A-Z]{3}$/, 'expected a currency like USD'),
      marketing: price.optional(),
      marketing_lite: price.optional(),
      utility: price.optional(),
      authentication: price.optional(),
      authentication_international: price.optional(),
    })
    .optional(),
  /** Stays a draft until it is resumed. */
  draft: z.boolean().default(false),
});
export type NewCampaign = z.output<typeof newCampaign>;

export const ACTIONS = ['pause', 'resume', 'cancel', 'retry-unconfirmed'] as const;
export const actionQuery = z.strictObject({
  id,
  action: z.enum(ACTIONS),
  /** Restricts retry-unconfirmed to this recipient. */
  recipientId: z
    .string()
    .regex(/^\d{1,18}$/, 'expected the id of a recipient')
    .optional(),
});

export const previewQuery = z.strictObject({ preview: z.literal('true') });

export const statusQuery = z.union([
  z.strictObject({ id, recipients: z.literal('csv').optional() }),
  z.strictObject({ companyId, limit: z.coerce.number().int().min(1).max(200).default(50) }),
]);
