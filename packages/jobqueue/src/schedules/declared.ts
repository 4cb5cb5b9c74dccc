/** The schedules that code declares, checked and as they are stored. */
import { createHash } from 'node:crypto';
import { QueueError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import type { Schedule } from '../core/schedule.ts';
import { bytesOf } from '../core/serialize.ts';
import { encodeJob } from '../enqueue/enqueue.ts';

/** More is a table of one's own with a schedule that reads it. */
const MAX_SCHEDULES = 1_000;

export interface DeclaredSchedules {
  /** A JSON array of all of them. */
  readonly json: string;
  /** Hash of `json`: a database that stores another one does not know these schedules yet. */
  readonly hash: string;
  readonly names: ReadonlySet<string>;
}

/** Throws QueueError: `schedule_definition_invalid`, and what addJob throws for a payload that does not fit. */
export function declaredSchedules(schedules: readonly Schedule[], jobs: ReadonlyMap<string, Job>): DeclaredSchedules {
  const definitions = schedules.map((schedule) => definitionOf(schedule, jobs));
  const names = schedules.map(({ name }) => name);
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice !== undefined) throw invalid(`two schedules are named '${twice}'`);
  if (names.length > MAX_SCHEDULES) throw invalid(`expected at most ${MAX_SCHEDULES} schedules, got ${names.length}`);
  const json = `[${definitions.sort().join(',')}]`;
  if (bytesOf(json) > LIMITS.exchangeBytes)
    throw invalid(
      `expected at most ${LIMITS.exchangeBytes} bytes of schedules with their payloads, got ${bytesOf(json)}`,
    );
  const hash = createHash('sha256').update(json).digest('hex');
  return { hash, json, names: new Set(names) };
}

/** The JSON that a sync sends of a schedule. */
function definitionOf(schedule: Schedule, jobs: ReadonlyMap<string, Job>): string {
  const { name, type, payload, priority } = schedule;
  const input = { type, payload, ...(priority !== undefined && { options: { priority } }) };
  const job = encodeJob(jobs, input, `schedules['${name}'].`);
  const problem = sizeProblem(schedule, job);
  if (problem !== null) throw invalid(`'${name}': ${problem}`);
  return `{"name":"${name}","definition":${storedDefinition(schedule, job)}}`;
}

/** The JSON that is stored of a schedule. Its job is what addJob would insert. */
export function storedDefinition(schedule: Omit<Schedule, 'name' | 'type' | 'payload'>, job: string): string {
  const { cron, timeZone, misfire, missedAfterMs, overlap, jitterMs } = schedule;
  const rest = JSON.stringify({ cron, timeZone, misfire, missedAfterMs, overlap, jitterMs });
  return `${rest.slice(0, -1)},"job":${job}}`;
}

/** The jobs of all slots that fire at once are one insert. */
export function sizeProblem({ misfire }: Pick<Schedule, 'misfire'>, job: string): string | null {
  const most = typeof misfire === 'object' ? misfire.all : 1;
  if (most * bytesOf(job) <= LIMITS.batchBytes) return null;
  return `expected at most ${LIMITS.batchBytes} bytes for all jobs that misfire may fire at once`;
}

function invalid(message: string): QueueError {
  return new QueueError('schedule_definition_invalid', `createQueue: schedules: ${message}`, {
    issues: [{ path: 'schedules', message }],
  });
}
