/** A request to a company's portal as a job makes it: with a token of the portal's bucket, and what its refusals mean for the job. */
import type { Executor } from '../../db/client.ts';
import { noteAnswer, pauseConnection } from '../connections/connection.ts';
import { waitForOperator, waitOut } from '../connections/outage.ts';
import { NonRetryableError } from '../jobqueue/errors.ts';
import { type Continue, continueWith, type JobContext } from '../jobqueue/job.ts';
import {
  type Answer,
  type Bitrix24Error,
  batch,
  type Called,
  type Command,
  call,
  type Operating,
} from '../providers/bitrix24.ts';
import type { Crm } from './settings.ts';

/** The job ends here, and goes on later as `next` says. Nothing failed. */
export class Later extends Error {
  override readonly name = 'Later';
  readonly next: Continue;

  constructor(next: Continue) {
    super('the portal cannot be asked now');
    this.next = next;
  }
}

/** The portal's own limit is 480 s of a method's time in ten minutes; from here on a call waits for some of it to pass. */
const SLOW_FROM_S = 480 * 0.8;
const SLOWER_MS = 10_000;
/** The bucket leaks 2 requests a second. */
const THROTTLED_MS = 2_000;

export interface Asking {
  readonly database: Executor;
  readonly context: Pick<JobContext<unknown>, 'rateLimit' | 'signal'>;
  readonly companyId: string;
  readonly crm: Crm;
  /** What the job goes on from when it has to come again. */
  readonly state: unknown;
}

/** The answers of up to 50 commands, in their order. Throws `Later`; an answer that says 'permanent' or 'not_found' is the caller's. */
export async function askAll(asking: Asking, commands: readonly Command[]): Promise<readonly Answer[]> {
  if (commands.length === 0) return [];
  const { crm, context } = asking;
  await context.rateLimit(crm.bucket, crm.limit);
  const batched = await batch(crm.portal, commands, { signal: context.signal });
  if (batched.kind !== 'done') return later(asking, batched);
  await answered(asking, batched.operating);
  const grave = batched.answers.find((answer) => answer.kind === 'refused' && !isOfItem(answer.error));
  // What was done is found again by its origin; the rest is asked for anew.
  if (grave?.kind === 'refused') await later(asking, { kind: 'refused', error: grave.error });
  return batched.answers;
}

/** One call, of a page of a list. */
export async function askOne(asking: Asking, command: Command): Promise<Extract<Called, { kind: 'done' | 'refused' }>> {
  const { crm, context } = asking;
  await context.rateLimit(crm.bucket, crm.limit);
  const called = await call(crm.portal, command, { signal: context.signal });
  if (called.kind === 'refused' && isOfItem(called.error)) return called;
  if (called.kind !== 'done') return later(asking, called);
  await answered(asking, called.operating);
  return called;
}

function isOfItem({ effect }: Bitrix24Error): boolean {
  return effect === 'permanent' || effect === 'not_found';
}

async function answered({ database, companyId, crm, context }: Asking, operating: Operating | null): Promise<void> {
  await noteAnswer(database, { companyId, provider: 'bitrix24' });
  if (operating !== null && operating.seconds >= SLOW_FROM_S)
    await context.rateLimit.blockUntil(crm.bucket, { delayMs: SLOWER_MS });
}

async function later(asking: Asking, called: Exclude<Called, { kind: 'done' }>): Promise<never> {
  const { database, context, companyId, crm, state } = asking;
  const connection = { companyId, provider: 'bitrix24' } as const;
  if (called.kind !== 'refused') {
    if (context.signal.aborted) throw new Later(continueWith(state)); // told to end: the portal is not to blame
    throw new Later(await waitOut(context, database, connection, { bucket: crm.bucket, state, error: called.error }));
  }
  const { code, message, effect, resetAtMs } = called.error;
  switch (effect) {
    case 'throttled':
      await context.rateLimit.blockUntil(crm.bucket, { delayMs: THROTTLED_MS });
      throw new Later(continueWith(state, { delayMs: THROTTLED_MS }));
    case 'blocked': {
      const until = new Date(resetAtMs ?? Date.now() + 600_000);
      await context.rateLimit.blockUntil(crm.bucket, until);
      throw new Later(continueWith(state, { delayMs: Math.max(0, until.getTime() - Date.now()) }));
    }
    case 'pause':
      await pauseConnection(database, connection, { code: code || 'refused', reason: message });
      throw new Later(waitForOperator(state));
    case 'ambiguous':
      throw new Later(
        await waitOut(context, database, connection, { bucket: crm.bucket, state, error: new Error(message) }),
      );
    case 'permanent':
    case 'not_found':
      throw new NonRetryableError(message); // the same request would be refused the same way
  }
}
