/** Converts the filter of the jobs page from and to its address. Pages and bulk actions use it. */
import {
  type DeadLetterFilter,
  isStorableText,
  type JobFilter,
  type JobsQuery,
  LIMITS,
  type Status,
} from '@conversure/jobqueue';
import { all, one } from '../../ui/address.ts';
import { instantIn } from '../../ui/zoned.ts';

export const STATUSES = ['PENDING', 'PROCESSING', 'COMPLETED', 'DEAD_LETTER', 'CANCELLED'] as const satisfies Status[];

/** As written in the address; what makes no sense is left out, so that a page always shows something. */
export interface JobParams {
  readonly status?: Status | undefined;
  readonly type?: string | undefined;
  readonly queue?: string | undefined;
  readonly search?: string | undefined;
  /** A group of dead letters. */
  readonly fingerprint?: string | undefined;
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly ids: readonly string[];
}

type Sent = Readonly<Record<string, string | string[] | undefined>>;

export function paramsOf(sent: Sent): JobParams {
  const name = (value: string | undefined) =>
    value !== undefined && LIMITS.name.pattern.test(value) ? value : undefined;
  const search = one(sent.search)?.slice(0, 512);
  return {
    status: STATUSES.find((status) => status === one(sent.status)),
    type: name(one(sent.type)),
    queue: name(one(sent.queue)),
    search: search && isStorableText(search) ? search : undefined,
    fingerprint: /^[\da-f]{32}$/.test(one(sent.fingerprint) ?? '') ? one(sent.fingerprint) : undefined,
    from: one(sent.from),
    until: one(sent.until),
    ids: all(sent.ids)
      .flatMap((ids) => ids.split(','))
      .filter((id) => /^[1-9]\d{0,17}$/.test(id))
      .slice(0, 1_000),
  };
}

/** The parameters as an address has them, without those of a page or a question. */
export function addressOf({ ids: _, ...params }: JobParams): Record<string, string | undefined> {
  return { ...params };
}

export function queryOf({ status, type, queue, search, fingerprint, ...times }: JobParams, zone: string): JobsQuery {
  // its index knows nothing else
  if (fingerprint && type && status === 'DEAD_LETTER') return { status, type, fingerprint };
  const from = instantIn(times.from, zone);
  const until = instantIn(times.until, zone);
  return {
    ...(status && { status }),
    ...(type && { type }),
    ...(queue && { queue }),
    ...(search && { search }),
    ...(from && { from }),
    ...(until && { until }),
  };
}

/** Actions on live jobs. */
export const LIVE_ACTIONS = ['cancel', 'reschedule', 'set_priority'] as const;
export type BulkAction = (typeof LIVE_ACTIONS)[number] | 'replay';

/** Live jobs that a bulk action means: the chosen ones, else all that the page's filter means; null if it cannot mean any. */
export function liveFilter(params: JobParams, zone: string): JobFilter | null {
  if (params.ids.length > 0) return { ids: params.ids };
  const { status, type, queue, search, from, until } = queryOf(params, zone);
  const isLive = status === 'PENDING' || status === 'PROCESSING' || status === undefined;
  // Times are those of creation unless pending jobs are shown; operations know due times alone.
  if (!isLive || search || (status !== 'PENDING' && (from || until))) return null;
  const filter = {
    ...(status && { status }),
    ...(type && { type }),
    ...(queue && { queue }),
    ...(from && { dueAfter: from }),
    ...(until && { dueBefore: until }),
  };
  return Object.keys(filter).length === 0 ? null : filter;
}

/** Dead or cancelled jobs that a replay means, likewise. */
export function deadFilter(params: JobParams, zone: string): DeadLetterFilter | null {
  if (params.ids.length > 0) return { ids: params.ids };
  const { status, type, queue, search, fingerprint, from, until } = queryOf(params, zone);
  if ((status !== 'DEAD_LETTER' && status !== 'CANCELLED') || search || from || until) return null;
  if (!type && !queue) return null;
  return { ...(type && { type }), ...(queue && { queue }), ...(fingerprint && { fingerprint }) };
}
