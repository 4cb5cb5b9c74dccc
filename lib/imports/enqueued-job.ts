/** The job of an import as `jobqueue.add_jobs` takes it, so that an upload's own statement can enqueue it: both or neither. */
import type { importUndo } from './import-undo/job.ts';
import { leadImport } from './lead-import/job.ts';

/**
 * JSON. The statement adds the idempotency key `lead_import:<importId>` from the import's row: so the job is made once per row
 * that is there, and an upload sent again finds the job that it already has.
 */
export function enqueuedJob({ importId, companyId }: { importId: string; companyId: string }): string {
  const { type, queue, priority, maxAttempts } = leadImport;
  return JSON.stringify({ type, queue, priority, max_attempts: maxAttempts, payload: { companyId, importId } });
}

/**
 * SQL: enqueues another job for each row of `source`, which has id, company_id and goes of an import. Its key counts how often the
 * import was set going, and that changes in the same statement: a request sent twice makes one job.
 */
export function nextJob(source: string, declaration: typeof leadImport | typeof importUndo = leadImport): string {
  const { type, queue, priority, maxAttempts } = declaration;
  return `
  select ${source}.id, job.id as job_id
  from ${source}
  cross join lateral jobqueue.add_job('${type}', jsonb_build_object('companyId', ${source}.company_id, 'importId', ${source}.id),
    queue => '${queue}', priority => ${priority}, max_attempts => ${maxAttempts},
    idempotency_key => '${type}:' || ${source}.id || ':' || ${source}.goes + 1) as job`;
}
