/** The platform's data about the invocation of a drain; only the ledger uses it. */

import { instant, refused } from '../core/options.ts';
import { processGlobal } from '../postgres/process-global.ts';

/** Data of the first exchange for the ledger. */
export interface Invocation {
  readonly scheduledAt?: string;
  readonly executionId?: string;
  /** No drain has run in this process before. */
  readonly coldStart: boolean;
}

/** A process is cold once. */
const temperature = processGlobal('temperature', () => ({ isCold: true }));

const EXECUTION_ID = /^[\x21-\x7e]{1,200}$/;

/** Throws QueueError `option_invalid`. */
export function invocationOf({ scheduledAt, executionId }: { scheduledAt?: Date; executionId?: string }): Invocation {
  const planned = scheduledAt && instant('scheduledAt', scheduledAt);
  if (executionId !== undefined && !EXECUTION_ID.test(executionId))
    throw refused('executionId', '1 to 200 visible ASCII characters', executionId);
  const coldStart = temperature.isCold;
  temperature.isCold = false;
  return {
    ...(planned !== undefined && { scheduledAt: planned }),
    ...(executionId !== undefined && { executionId }),
    coldStart,
  };
}
