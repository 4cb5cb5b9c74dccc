/** Reads what the platform says of a scheduled call: for the ledger alone, as anyone with the secret can send these headers. */
import { isStorableInstant } from '../core/serialize.ts';

/**
 * Vercel's crons send no id and no scheduled time of their own, only the request's `x-vercel-id`, by which its logs are found. Its
 * Schedules that call functions add CloudEvents headers: the execution id, the same for a call delivered twice, and the instant.
 */
export function tickOf({ headers }: Request): { scheduledAt?: Date; executionId?: string } {
  const scheduledAt = new Date(headers.get('ce-vssscheduledat') ?? Number.NaN);
  const executionId = (headers.get('ce-id') ?? headers.get('x-vercel-id') ?? '')
    .replace(/[^\x21-\x7e]/g, '')
    .slice(0, 200);
  return {
    ...(isStorableInstant(scheduledAt) && { scheduledAt }),
    ...(executionId !== '' && { executionId }),
  };
}
