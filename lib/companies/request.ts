/** Requests that /api/companies takes, and those of the forms of the console, as schemas: anything else is a 400 that names the field. */
import { z } from 'zod';
import { companyId, few, text } from '../fields.ts';
import { SECTION_NAMES, SECTIONS } from './sections.ts';
import type { Value } from './setting.ts';

/** The most fields of a section. Its own schemas count and check their content. */
const MOST_FIELDS = 100;
const fieldName = z.string().regex(/^[a-zA-Z]{1,60}$/, 'expected the name of a setting');
const { name, country } = SECTIONS.company.settings;

const by = { actor: text(200).min(1), reason: text(200).min(1) };

export const newCompany = z.strictObject({
  id: companyId,
  name: name.schema as z.ZodType<string>,
  country: country.schema as z.ZodType<string>,
  timeZone: SECTIONS.messaging.settings.timeZone.schema as z.ZodType<string>,
});
export type NewCompany = z.output<typeof newCompany>;

export const companyCreation = newCompany.extend(by);

export const settingsQuery = z.strictObject({ id: companyId, section: z.enum(SECTION_NAMES) });

/** The length of the longest list: 200 lines. */
const value: z.ZodType<Value> = z.union([
  z.string().max(10_000),
  z.number(),
  z.boolean(),
  z.null(),
  z.array(z.string().max(10_000)).max(1_000),
]);
export const sectionValues = few(MOST_FIELDS, fieldName, value);

export const settingsChange = z.strictObject({
  values: sectionValues.default({}),
  /** Null removes it. */
  secrets: few(MOST_FIELDS, fieldName, text(4_000).min(1).nullable()).default({}),
  /** The values that the client read before. The change is refused with 409 if they are no longer current. */
  seen: sectionValues.optional(),
  ...by,
});

export const companyQuery = z.union([
  z.strictObject({ id: companyId }),
  z.strictObject({ search: text(200).optional(), after: companyId.optional() }),
]);
