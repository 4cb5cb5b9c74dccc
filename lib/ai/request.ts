/** Requests that /api/drafts takes, as schemas: anything else is a 400 that names the field. */
import { z } from 'zod';
import { companyId, rowId, text } from '../fields.ts';
import { TEXT_CHARS } from './review.ts';

export const isDraftId = (id: string): boolean => rowId.safeParse(id).success;

export const draftsQuery = z.union([
  z.strictObject({ id: rowId }),
  z.strictObject({ companyId: companyId.optional(), after: rowId.optional() }),
]);

/** Browsers send a line's end as two characters. */
const reply = text(2 * TEXT_CHARS)
  .transform((written) => written.replaceAll('\r\n', '\n').trim())
  .pipe(z.string().min(1).max(TEXT_CHARS));
const reason = text(200).default('');

export const draftDecision = z.discriminatedUnion('decision', [
  z.strictObject({
    id: rowId,
    decision: z.literal('approve'),
    /** Sent instead of the draft. */
    text: reply.optional(),
    /** The customer's newest message that whoever decides has seen; by default the one that the draft answers. */
    seenMessageId: rowId.optional(),
    decidedBy: text(100).min(1),
    reason,
  }),
  z.strictObject({ id: rowId, decision: z.literal('reject'), decidedBy: text(100).min(1), reason }),
]);
export type DraftDecision = z.output<typeof draftDecision>;
