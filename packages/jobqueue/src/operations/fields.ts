/** Fields of requests that reach Postgres: what it cannot store is a 400 that names the field. */
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';
import { isJobId } from '../core/options.ts';
import { isStorableInstant, isStorableText } from '../core/serialize.ts';

/** At most `most` characters. */
export const text = (most: number) =>
  z.string().max(most).refine(isStorableText, 'expected text without NUL or half characters');

/** ISO 8601 with its offset. Sent on as a Date or in UTC, because Postgres does not know every offset that the standard allows. */
export const instant = z.iso
  .datetime({ offset: true })
  .transform((written) => new Date(written))
  .refine(isStorableInstant, 'expected an instant of the years 1 to 9999');

/** A map of at most `most` entries. They are counted first: zod checks 200,000 of them for most of a second. */
export const few = <Key extends z.ZodString | z.ZodEnum, Value extends z.ZodType>(
  most: number,
  key: Key,
  value: Value,
) =>
  z.preprocess(
    (given, context) => {
      if (typeof given !== 'object' || given === null || Object.keys(given).length <= most) return given;
      context.addIssue({ code: 'custom', message: `expected at most ${most} fields` });
      return z.NEVER;
    },
    z.record(key, value),
  );

/** Any JSON object, looked at no further. */
export const anyObject = z.custom<Record<string, unknown>>(
  (given) => typeof given === 'object' && given !== null && !Array.isArray(given),
  'expected an object',
);

/** The id of a job, or of any other numbered row. */
export const rowId = z
  .string()
  .regex(/^[1-9]\d{0,18}$/, 'expected an id as digits')
  .refine(isJobId, 'expected an id below 2^63');

/** The name of a type or a queue. */
export const name = z.string().regex(LIMITS.name.pattern, `expected a name ${LIMITS.name.words}`);
