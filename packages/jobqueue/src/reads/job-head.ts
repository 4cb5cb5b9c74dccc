/** The fields that every view of a job has. */

import type { Status } from '../core/job.ts';
import type { JobHeadRow } from '../postgres/statements/jobs.ts';
import { dateOf } from '../postgres/statements/rows.ts';

export interface JobHead {
  readonly id: string;
  readonly type: string;
  readonly status: Status;
  readonly queue: string;
  readonly priority: number;
  readonly attempts: number;
  readonly maxAttempts: number;
  /** While it waits for its children: in the year 9999. */
  readonly scheduledFor: Date;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

export function headOf(row: JobHeadRow): JobHead {
  return {
    id: row.id,
    type: row.type,
    status: row.status,
    queue: row.queue,
    priority: row.priority,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    scheduledFor: dateOf(row.due_ms),
    createdAt: dateOf(row.created_ms),
    finishedAt: dateOf(row.finished_ms),
  };
}
