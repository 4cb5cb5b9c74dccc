/** A request to a company's portal as a job makes it: with a token of the portal's bucket, and what its refusals mean for the job. */

import {
  type Continue,
  continueWith,
  type JobContext,
  type Limit,
  NonRetryableError,
  PostponedError,
} from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { noteAnswer, pauseConnection } from '../connections/connection.ts';
import { waitForOperator, waitOut } from '../connections/outage.ts';
import { type Bitrix24Error, batch, type Called, type Command, call, type Operating } from '../providers/bitrix24.ts';
import { METHOD_LIMIT, methodBucket, restMs } from './operating.ts';
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

/** The bucket leaks 2 requests a second. */
const THROTTLED_MS = 2_000;
/** The wait for a block without a stated end: Bitrix24 lifts it within ten minutes. */
const BLOCK_MS = 600_000;

export interface Asking {
  readonly database: Executor;
  readonly context: Pick<JobContext<unknown>, 'rateLimit' | 'signal'>;
  readonly companyId: string;
  readonly crm: Crm;
  /** The state to continue from if the job has to come again. */
  readonly state: unknown;
}

/** The outcome of one command. */
export type Told =
  | { readonly kind: 'done'; readonly result: unknown }
  /** Never for this item, or the item is not there. */
  | { readonly kind: 'refused'; readonly error: Bitrix24Error }
  /** Provably nothing. */
  | { readonly kind: 'undone' }
  /** It may have been done. */
  | { readonly kind: 'unknown' };

export interface Questions {
  /** Those that the commands are of: each has a budget of time of its own. */
  readonly methods: readonly string[];
  /** Up to 50, named once the token is there, right before they go out. None: nothing is asked. */
  readonly commands: () => Promise<readonly Command[]> | readonly Command[];
  /** Awaited with what became of each before anything is thrown: what was done is done, whatever became of the others. */
  readonly settle: (told: readonly Told[]) => Promise<void> | void;
}

/** Asks all in one request. Throws `Later` where the portal has to be asked again at another time, PostponedError without token. */
export async function askAll(asking: Asking, { methods, commands: prepare, settle }: Questions): Promise<void> {
  const { crm, context } = asking;
  for (const method of methods) await mayAsk(asking, method);
  await token(asking, crm.bucket, crm.limit);
  const commands = await prepare();
  if (commands.length === 0) return;
  const batched = await batch(crm.portal, commands, { signal: context.signal });
  if (batched.kind === 'refused' && isOfItem(batched.error)) {
    const { error } = batched; // for good, and whatever they are: the same of each
    await settle(commands.map(() => ({ kind: 'refused', error })));
    return;
  }
  if (batched.kind !== 'done') {
    // A page without a code may come from whoever stands before the portal, after the portal has begun.
    const isUndone = batched.kind === 'unsent' || (batched.kind === 'refused' && batched.error.code !== '');
    await settle(commands.map(() => ({ kind: isUndone ? 'undone' : 'unknown' })));
    return later(asking, batched, methods);
  }
  await settle(
    batched.answers.map((answer): Told => {
      if (answer.kind === 'done' || isOfItem(answer.error)) return answer;
      return { kind: answer.error.effect === 'ambiguous' ? 'unknown' : 'undone' };
    }),
  );
  await answered(asking, batched.operating);
  for (const [n, answer] of batched.answers.entries())
    if (answer.kind === 'refused' && !isOfItem(answer.error) && answer.error.effect !== 'ambiguous')
      await later(asking, answer, [(commands[n] as Command).method]);
}

/** One call, of a page of a list. */
export async function askOne(asking: Asking, command: Command): Promise<Extract<Called, { kind: 'done' | 'refused' }>> {
  const { crm, context } = asking;
  await mayAsk(asking, command.method);
  await token(asking, crm.bucket, crm.limit);
  const called = await call(crm.portal, command, { signal: context.signal });
  if (called.kind === 'refused' && isOfItem(called.error)) return called;
  if (called.kind !== 'done') return later(asking, called, [command.method]);
  await answered(asking, called.operating === null ? [] : [called.operating]);
  return called;
}

/** Throws PostponedError while the method is blocked: who needs it need not ask for anything else first. */
export async function mayAsk(asking: Asking, method: string): Promise<void> {
  await token(asking, methodBucket(asking.crm.portal, method), METHOD_LIMIT);
}

/** A run that is told to end between two requests has failed at nothing. */
async function token({ context, state }: Asking, bucket: string, limit: Limit): Promise<void> {
  try {
    await context.rateLimit(bucket, limit);
  } catch (error) {
    if (!context.signal.aborted || error instanceof PostponedError) throw error;
    throw new Later(continueWith(state));
  }
}

function isOfItem({ effect }: Bitrix24Error): boolean {
  return effect === 'permanent' || effect === 'not_found';
}

async function answered({ database, companyId, crm, context }: Asking, operating: readonly Operating[]): Promise<void> {
  await noteAnswer(database, { companyId, provider: 'bitrix24' });
  for (const one of operating) {
    const delayMs = restMs(one, Date.now());
    if (delayMs > 0) await context.rateLimit.blockUntil(methodBucket(crm.portal, one.method), { delayMs });
  }
}

async function later(
  asking: Asking,
  called: Exclude<Called, { kind: 'done' }>,
  methods: readonly string[],
): Promise<never> {
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
      const until = new Date(resetAtMs ?? Date.now() + BLOCK_MS);
      for (const method of methods) await context.rateLimit.blockUntil(methodBucket(crm.portal, method), until);
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
