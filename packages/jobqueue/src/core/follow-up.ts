/** Jobs that follow others: `onCompleted` and `onDeadLetter` of defineJob. What they are enqueued with, and what of that people may read. Pure. */
import { QueueError } from './errors.ts';
import type { Job } from './job.ts';
import { HIDDEN, redactPayload, restored } from './redact.ts';

interface Ended<Type, Payload> {
  readonly id: string;
  readonly type: Type;
  /** As it was enqueued. Null if Postgres prints it in more than 128 KiB: read it by `queue.getJob(id)`. */
  readonly payload: Payload | null;
  /** True if the payload or the result was too large, and is null for that. */
  readonly omitted: boolean;
}

/** The payload of a job that `onDeadLetter` enqueues. */
export interface DeadJob<Type extends string = string, Payload = unknown> extends Ended<Type, Payload> {
  /** The last one, without its stack. */
  readonly error: {
    readonly name: string;
    readonly message: string;
    /** `crashed` of a job whose functions died. */
    readonly code: string | null;
    readonly attempt: number;
  };
}

/** The payload of a job that `onCompleted` enqueues. */
export interface CompletedJob<Type extends string = string, Payload = unknown> extends Ended<Type, Payload> {
  /** The return value of its handler, after JSON. Null if Postgres prints it in more than 128 KiB. */
  readonly result: unknown;
}

/** A follow-up as add_jobs reads it, without its payload. */
interface Target {
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly max_attempts: number;
}

/** Of each type that something follows: what, as step_2 stores it with the batches that it claims. */
export type FollowUps = Readonly<Record<string, { readonly completed?: Target; readonly deadLetter?: Target }>>;

/** Null if nothing follows any of them. */
export function followUpsOf(jobs: ReadonlyMap<string, Job>): FollowUps | null {
  const found: Record<string, FollowUps[string]> = {};
  for (const { type, onCompleted, onDeadLetter } of jobs.values()) {
    if (onCompleted === null && onDeadLetter === null) continue;
    const completed = targetOf(jobs, onCompleted);
    const deadLetter = targetOf(jobs, onDeadLetter);
    found[type] = { ...(completed && { completed }), ...(deadLetter && { deadLetter }) };
  }
  return Object.keys(found).length === 0 ? null : found;
}

function targetOf(jobs: ReadonlyMap<string, Job>, type: string | null): Target | null {
  const job = type === null ? undefined : jobs.get(type);
  if (job === undefined) return null;
  return { type: job.type, queue: job.queue, priority: job.priority, max_attempts: job.maxAttempts };
}

/** Throws QueueError `job_definition_invalid` for a follow-up of a type that is not among these jobs, and for follow-ups that lead back to a type. */
export function checkFollowUps(jobs: ReadonlyMap<string, Job>): void {
  for (const job of jobs.values())
    for (const option of OPTIONS) {
      const target = job[option];
      if (target === null || jobs.has(target)) continue;
      const known = [...jobs.keys()].join(', ');
      const message = `defineJob('${job.type}'): ${option}: expected one of ${known}; got '${target}'`;
      throw new QueueError('job_definition_invalid', message, { issues: [{ path: option, message }] });
    }
  const endless = cycleOf(jobs);
  if (endless !== null)
    throw new QueueError(
      'job_definition_invalid',
      `onCompleted and onDeadLetter lead from a type back to itself, so jobs would follow each other without end: ${endless.join(' → ')}`,
    );
}

const OPTIONS = ['onCompleted', 'onDeadLetter'] as const;

const targetsOf = (job: Job | undefined) =>
  OPTIONS.map((option) => job?.[option] ?? null).filter((type): type is string => type !== null);

/** The first way that leads back to where it began. Each type is looked at once. */
function cycleOf(jobs: ReadonlyMap<string, Job>): readonly string[] | null {
  const seen = new Set<string>();
  for (const start of jobs.keys()) {
    const way: { readonly type: string; readonly left: string[] }[] = [];
    const enter = (type: string) => {
      seen.add(type);
      way.push({ type, left: targetsOf(jobs.get(type)) });
    };
    if (!seen.has(start)) enter(start);
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const next = last.left.pop();
      if (next === undefined) way.pop();
      else {
        const at = way.findIndex(({ type }) => type === next);
        if (at >= 0) return [...way.slice(at).map(({ type }) => type), next];
        if (!seen.has(next)) enter(next);
      }
    }
  }
  return null;
}

/** Deeper, a payload was made by hand: followers of followers are at most as many as types. */
const MOST_DEEP = 32;

/** redactPayload for a job of this type: a follow-up holds the payload of another job, with the secrets of that type. */
export function redactJob(jobs: ReadonlyMap<string, Job>, type: string, payload: unknown, depth = 0): unknown {
  const shown = redactPayload(jobs.get(type)?.payload, payload);
  const ended = endedIn(shown);
  if (ended === null || ended.payload === null || ended.payload === HIDDEN) return shown;
  const inner = depth < MOST_DEEP ? redactJob(jobs, ended.type, ended.payload, depth + 1) : HIDDEN;
  return { ...ended, payload: inner };
}

/** restored for a job of this type. */
export function restoredJob(
  jobs: ReadonlyMap<string, Job>,
  type: string,
  edited: unknown,
  original: unknown,
  depth = 0,
): unknown {
  const job = jobs.get(type);
  const outer = job === undefined ? edited : restored(job.payload, edited, original);
  const [ended, stored] = [endedIn(outer), endedIn(original)];
  if (ended === null || stored === null) return outer;
  if (ended.payload === HIDDEN) return { ...ended, payload: stored.payload };
  if (depth >= MOST_DEEP) return outer;
  return { ...ended, payload: restoredJob(jobs, stored.type, ended.payload, stored.payload, depth + 1) };
}

/** A follow-up's payload, told by its shape: the type may follow nothing any more, and the secrets are there all the same. */
function endedIn(payload: unknown): { readonly type: string; readonly payload: unknown } | null {
  if (typeof payload !== 'object' || payload === null) return null;
  const { id, type, omitted } = payload as {
    readonly id?: unknown;
    readonly type?: unknown;
    readonly omitted?: unknown;
  };
  const isEnded = typeof id === 'string' && typeof type === 'string' && typeof omitted === 'boolean';
  return isEnded && 'payload' in payload ? { ...payload, type, payload: payload.payload } : null;
}
