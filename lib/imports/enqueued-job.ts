/** The job of an import as `jobqueue.add_jobs` takes it, so that an upload's own statement can enqueue it: both or neither. */
import { leadImport } from '../jobs/lead-import/job.ts';

/**
 * JSON. The statement adds the idempotency key `lead_import:<importId>` from the import's row: so the job is made once per row
 * that is there, and an upload sent again finds the job that it already has.
 */
export function enqueuedJob({ importId, companyId }: { importId: string; companyId: string }): string {
  const { type, queue, priority, maxAttempts } = leadImport;
  return JSON.stringify({ type, queue, priority, max_attempts: maxAttempts, payload: { companyId, importId } });
}
