/** Requests that /api/opt-outs and the console's forms take, as schemas: anything else is a 400 that names the field. */
import { z } from 'zod';
import { companyId, instant, rowId, text } from '../fields.ts';

/** The source of an opt-out. One that is not the company's own comes from the person, or from Meta about the person. */
export const SOURCES = ['keyword', 'button', 'user_preferences', 'delivery_error', 'import', 'admin'] as const;
export const SCOPES = ['marketing', 'all'] as const;
export const STATES = ['in_force', 'lifted', 'any'] as const;

export const optOutFilter = z.strictObject({
  companyId: companyId.optional(),
  /** A part of a number, as it is written anywhere, or of a WhatsApp user id. */
  search: text(100).optional(),
  source: z.enum(SOURCES).optional(),
  scope: z.enum(SCOPES).optional(),
  state: z.enum(STATES).default('in_force'),
  from: instant.optional(),
  until: instant.optional(),
});
export type OptOutFilter = z.output<typeof optOutFilter>;

/** `next` of the page before: the instant in microseconds, and the id. */
export const cursor = z.string().regex(/^-?\d{1,17}_\d{1,18}$/, 'expected `next` of the page before');

export const optOutsQuery = optOutFilter.extend({
  after: cursor.optional(),
  format: z.literal('csv').optional(),
});

/** Under what the person asked it, in their own words or a colleague's: a sentence, so that it can be shown to whoever asks. */
const howAsked = text(500).trim().min(10, 'expected a sentence: how and when the person asked for it');
const reason = text(200).trim().min(1, 'expected a reason');

export const newOptOut = z.strictObject({
  companyId,
  /** A number in any writing, or a WhatsApp user id. */
  person: text(100).trim().min(1, 'expected a phone number or a WhatsApp user id'),
  scope: z.enum(SCOPES),
  reason,
});
export type NewOptOut = z.output<typeof newOptOut>;

export const lifting = z.strictObject({
  id: rowId,
  /** `version` as it was read: a person who refused again since then is left alone. */
  version: z.string().regex(/^-?\d{1,17}$/, 'expected the version of the opt-out'),
  reason,
  howAsked: howAsked.optional(),
});
export type Lifting = z.output<typeof lifting>;

const actor = text(200).min(1);
export const optOutRequest = z.discriminatedUnion('action', [
  newOptOut.extend({ action: z.literal('add'), actor }),
  lifting.extend({ action: z.literal('lift'), actor }),
]);
