/** Fields of forms that reach Postgres: what it cannot store is refused by name. */

import { isJobId, isStorableText, LIMITS } from '@conversure/jobqueue';
import { z } from 'zod';

/** At most `most` characters. */
export const text = (most: number) =>
  z.string().max(most).refine(isStorableText, 'expected text without NUL or half characters');

/** The id of a job, or of any other numbered row. */
export const rowId = z
  .string()
  .regex(/^[1-9]\d{0,18}$/, 'expected an id as digits')
  .refine(isJobId, 'expected an id below 2^63');

/** The name of a type or a queue. */
export const name = z.string().regex(LIMITS.name.pattern, `expected a name ${LIMITS.name.words}`);
