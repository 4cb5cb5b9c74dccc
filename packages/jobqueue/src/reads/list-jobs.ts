/** Reads for screens that list: pages of jobs by keyset, groups of dead letters, and what is known beside one job. All bounded. */

import { type JobFilter, jobFilterJson } from '../core/filters.ts';
import type { Status } from '../core/job.ts';
import { idOf, instant, integer, isJobId, name, refused } from '../core/options.ts';
import { isStorableInstant, isStorableText } from '../core/serialize.ts';
import { waitsForChildren } from '../enqueue/children.ts';
import type { Executor } from '../postgres/database.ts';
import * as store from '../postgres/statements/console.ts';
import { dateOf } from '../postgres/statements/rows.ts';
import type { AuditEntry } from './audit-log.ts';
import { headOf, type JobHead } from './job-head.ts';
import type { Counted } from './overview.ts';

const MOST_LINES = 200;
/** The most jobs counted before a bulk action: enough to tell ten from thousands. */
const COUNT_BOUND = 1_000;
const KEY_CHARS = 512;

/** The filter of a page: a job has to match every given criterion. Without criteria every job matches. */
export interface JobsQuery {
  readonly status?: Status;
  readonly type?: string;
  readonly queue?: string;
  /** A job's id, or the beginning of the idempotency key that it holds. Dead letters and cancelled jobs hold none. */
  readonly search?: string;
  /** A group of `deadGroups`: with status DEAD_LETTER and its type, and nothing else. */
  readonly fingerprint?: string;
  /** The first instant that counts: of the due time where status is PENDING, else of the creation. */
  readonly from?: Date;
  /** The first that does not. */
  readonly until?: Date;
}

/** A job as lists show it, without payload and result. */
export interface JobLine extends JobHead {
  readonly idempotencyKey: string | null;
  readonly waitsForChildren: boolean;
  readonly startedAt: Date | null;
  /** The last one. */
  readonly error: { readonly name: string; readonly message: string } | null;
}

/** One page of `queue.listJobs`. */
export interface JobsPage {
  readonly jobs: readonly JobLine[];
  /** The cursor of the next page; null: this is the last. */
  readonly next: string | null;
  /** No index knows this filter: this page looked at all jobs down to this id, and `next` goes on there. */
  readonly searchedTo: string | null;
  /** True if pending jobs lie in more than 100,000 lanes, of which the page has seen the first. Name a queue. */
  readonly isPart: boolean;
}

/** One page of jobs. Pending ones by due time, a group of dead letters by time of death, all others the newest first. Throws QueueError `option_invalid`. */
export async function listJobs(
  executor: Executor,
  query: JobsQuery,
  { after, limit = 50 }: { readonly after?: string; readonly limit?: number },
): Promise<JobsPage> {
  const page = await store.jobsPage(
    executor,
    JSON.stringify(filterOf(query)),
    after === undefined ? null : cursorOf(after, query),
    integer('limit', limit, { min: 1, max: MOST_LINES }),
  );
  return {
    jobs: page.jobs.map(line),
    next: page.next === null ? null : Buffer.from(JSON.stringify(page.next)).toString('base64url'),
    searchedTo: page.searchedTo,
    isPart: page.isPart,
  };
}

function filterOf(query: JobsQuery): object {
  const { status, type, queue, search, fingerprint, from, until } = query;
  for (const [path, value] of Object.entries({ type, queue })) if (value !== undefined) name(path, value);
  if (search !== undefined && (search === '' || search.length > KEY_CHARS || !isStorableText(search)))
    throw refused('search', `an id, or 1 to ${KEY_CHARS} characters of a key`, search);
  if (fingerprint !== undefined) checkGroup(query);
  return {
    ...(fingerprint && { fingerprint }),
    ...(status && { status }),
    ...(type && { type }),
    ...(queue && { queue }),
    ...(search && { key: search, ...(isJobId(search) && { id: search }) }),
    ...(from && { from: instant('from', from) }),
    ...(until && { until: instant('until', until) }),
  };
}

/** Its index knows type and fingerprint, and nothing else. */
function checkGroup({ status, type, fingerprint, ...others }: JobsQuery): void {
  const isGroup = status === 'DEAD_LETTER' && type !== undefined && /^[\da-f]{32}$/.test(fingerprint ?? '');
  if (!isGroup || Object.values(others).some((value) => value !== undefined))
    throw refused('fingerprint', "that of a group, with status 'DEAD_LETTER', its type, and nothing else", fingerprint);
}

/** Opaque to its reader; what does not look like ours is refused before Postgres sees it. */
function cursorOf(after: string, { status, search, fingerprint }: JobsQuery): string {
  const json = Buffer.from(after, 'base64url').toString();
  const parts = safely(json);
  const [first = '', second = ''] = parts.filter(
    (part) => typeof part === 'string' && isStorableText(part),
  ) as string[];
  const fits = search
    ? parts.length === 2 && first !== '' && second !== ''
    : status === 'PENDING' || fingerprint !== undefined
      ? parts.length === 2 && isPlaceInTime(first) && isJobId(second)
      : parts.length === 1 && isJobId(first);
  if (!fits) throw refused('after', 'what `next` of a page with this filter was', after);
  return json;
}

/** An instant as jobs_pending_2 and jobs_of_group_1 write it. Other words of a date, such as «tomorrow», mean something to one clock and nothing to the other. */
function isPlaceInTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT[\d:.]{8,15}\+00:00$/.test(text) && isStorableInstant(new Date(text));
}

function safely(json: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) ? value : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function line(row: store.JobLineRow): JobLine {
  return {
    ...headOf(row),
    idempotencyKey: row.idempotency_key,
    waitsForChildren: row.finished_ms === null && waitsForChildren(row.due_ms),
    startedAt: dateOf(row.started_ms),
    error: row.error_name === null ? null : { name: row.error_name, message: row.error_message ?? '' },
  };
}

/** The number of live jobs that match this filter, counted to 1,000. Throws QueueError `option_invalid`. */
export async function countJobs(executor: Executor, filter: JobFilter): Promise<Counted> {
  const { n, at_end } = await store.countMatching(executor, jobFilterJson(filter), COUNT_BOUND);
  return { n, atLeast: !at_end };
}

/** Dead letters of one type with the same error. */
export interface DeadGroup {
  readonly type: string;
  /** A criterion of `replay`, and of `listJobs`. */
  readonly fingerprint: string;
  readonly errorName: string | null;
  readonly errorCode: string | null;
  /** The message of the latest, with «#» for what differs from job to job. */
  readonly shape: string | null;
  readonly total: Counted;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** The latest to die. */
  readonly sampleId: string;
}

/** Groups of dead letters: the 150 largest and the 50 with the latest dead letters. */
export interface DeadGroups {
  /** The largest first. */
  readonly groups: readonly DeadGroup[];
  /** Over all groups, those that are left out among them. */
  readonly total: Counted;
  /** There are more groups than the 150 largest and the 50 with the latest deaths. */
  readonly more: boolean;
}

/** Dead letters by type and error; each group is counted to 10,000, or less beyond twenty groups. Throws QueueError `option_invalid`. */
export async function deadGroups(executor: Executor, { type }: { readonly type?: string }): Promise<DeadGroups> {
  const found = await store.deadGroups(executor, JSON.stringify(filterOf(type ? { type } : {})));
  return {
    groups: found.groups.map(({ firstMs, lastMs, total, atLeast, ...group }) => ({
      ...group,
      total: { n: total, atLeast },
      firstAt: new Date(firstMs),
      lastAt: new Date(lastMs),
    })),
    total: { n: found.total, atLeast: found.atLeast },
    more: found.more,
  };
}

/** Another job of a job's flow. */
export interface Relative {
  readonly id: string;
  /** Null, like its status, once it is past its retention. */
  readonly type: string | null;
  readonly status: Status | null;
  /** The parent waits for the child. */
  readonly waits: boolean;
}

/** Data related to one job. */
export interface Related {
  /** The schedule and slot that made the job, if one did. */
  readonly schedule: { readonly name: string; readonly slot: Date } | null;
  /** Those that were under way when the latest run began: the one that ran it is among them. `holds`: it does now. */
  readonly drains: readonly {
    readonly id: string;
    readonly source: string;
    readonly startedAt: Date;
    readonly holds: boolean;
  }[];
  /** In a flow: the job that waits for this one, and those that this one waits for, 200 at most, first those that are not done. */
  readonly parent: Relative | null;
  readonly children: readonly Relative[];
  readonly childrenTotal: number;
  /** Operators' actions that named this job, of the newest 5,000 entries. */
  readonly audit: readonly AuditEntry[];
}

/** Data related to a job. Throws QueueError `option_invalid`. */
export async function relatedTo(executor: Executor, id: string): Promise<Related> {
  const { meta, drains, audit, ...flow } = await store.related(executor, idOf('id', id));
  const { schedule, slot } = meta ?? {};
  return {
    schedule:
      typeof schedule === 'string' && typeof slot === 'string' ? { name: schedule, slot: new Date(slot) } : null,
    drains: drains.map(({ startedMs, ...drain }) => ({ ...drain, startedAt: new Date(startedMs) })),
    audit: audit.map(({ atMs, ...entry }) => ({ ...entry, at: new Date(atMs) })),
    ...flow,
  };
}
