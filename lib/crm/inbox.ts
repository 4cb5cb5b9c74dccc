/**
 * Items of the portal that have changed and wait to be looked at. An event and its job are stored in one statement; a job looks at 50
 * items with one request, and the jobs of those find nothing left.
 */
import type { Executor } from '@conversure/jobqueue/postgres';

/** One thing that the portal, or a look at it, says of an item. */
export interface Arrival {
  readonly event: 'ONCRMLEADADD' | 'ONCRMLEADUPDATE' | 'ONCRMLEADDELETE';
  readonly itemId: string;
  /** Names this change: the same one again is not stored again. */
  readonly key: string;
}

/** A page of a list, which is more than a webhook or a sync brings. */
const MOST_ARRIVALS = 50;

/** Stores what is new, each with its job; answers how many were. Throws RangeError for more than 50. */
export async function storeArrivals(
  database: Executor,
  companyId: string,
  arrivals: readonly Arrival[],
): Promise<number> {
  if (arrivals.length > MOST_ARRIVALS)
    throw new RangeError(`expected at most ${MOST_ARRIVALS} items, got ${arrivals.length}`);
  if (arrivals.length === 0) return 0;
  const [row] = await database.execute<{ stored: number }>({
    text: STORE,
    params: [companyId, JSON.stringify(arrivals)],
  });
  return row?.stored ?? 0;
}

export interface Waiting {
  readonly itemId: string;
  readonly changes: number;
  /** The database's clock before anything was fetched: what somebody saw later is newer than what is fetched now. */
  readonly asOf: string;
  /** It was looked at in vain for a day. */
  readonly isStale: boolean;
}

/** Longer than a run: who finds a claim older than this finds a job that died. */
const HELD_S = 150;
/** An item at which the portal does not answer must not keep those from being looked at that are asked for with it. */
const LOOKS_IN_COMPANY = 3;

/** Takes the job's own item and up to `others` more that wait. None if it was looked at already, or somebody does at the moment. */
export async function claimArrivals(
  database: Executor,
  companyId: string,
  { itemId, others }: { itemId: string; others: number },
): Promise<readonly Waiting[]> {
  const params = [companyId, itemId, HELD_S, others, LOOKS_IN_COMPANY];
  return database.execute<Waiting>({ text: CLAIM, params });
}

export async function isWaiting(database: Executor, companyId: string, itemId: string): Promise<boolean> {
  const found = await database.execute({
    text: 'select 1 as one from crm_inbox where company_id = $1 and item_id = $2::bigint',
    params: [companyId, itemId],
  });
  return found.length > 0;
}

/** Ends the claims of `claimed`: those that were looked at go, unless they changed again since; the others wait on. */
export async function endArrivals(
  database: Executor,
  companyId: string,
  claimed: readonly Waiting[],
  lookedAt: ReadonlySet<string>,
): Promise<void> {
  const ends = claimed.map(({ itemId, changes }) => ({ itemId, changes, isDone: lookedAt.has(itemId) }));
  await database.execute({ text: END, params: [companyId, JSON.stringify(ends)] });
}

/** The job's key decides what is new: a duplicate of one that is over must not come back into the inbox without a job. */
const STORE = `
with arrival as (
  select a.*, row_number() over (order by "itemId", key) as ordinal
  from jsonb_to_recordset($2::jsonb) as a(event text, "itemId" bigint, key text)
), added as materialized (
  select j.ordinal, j.duplicate
  from jobqueue.add_jobs((
    select jsonb_agg(jsonb_build_object(
      'type', 'crm_event', 'queue', 'default', 'priority', 0, 'max_attempts', 8,
      'payload', jsonb_build_object('companyId', $1::text, 'event', event, 'itemId', "itemId"::text),
      'idempotency_key', 'crm-event:' || $1 || ':' || "itemId" || ':' || event || ':' || key) order by ordinal)
    from arrival)) j
), stored as (
  insert into crm_inbox as i (company_id, item_id)
  select distinct $1, a."itemId"
  from arrival a
  join added on added.ordinal = a.ordinal and not added.duplicate
  order by 2
  on conflict (company_id, item_id) do update set changes = i.changes + 1, arrived_at = now()
  returning 1
)
select count(*)::int as stored from stored
`;

const CLAIM = `
with own as (
  select item_id, looks from crm_inbox
  where company_id = $1 and item_id = $2::bigint and (claimed_until is null or claimed_until < now())
  for update skip locked
), others as (
  select item_id from crm_inbox
  where company_id = $1 and item_id <> $2::bigint and (claimed_until is null or claimed_until < now())
    and looks < $5::int and exists (select from own where looks < $5::int)
  order by item_id
  limit $4::int
  for update skip locked
)
update crm_inbox i
set claimed_until = now() + $3::float8 * interval '1 s', looks = i.looks + 1
where i.company_id = $1 and i.item_id in (select item_id from own union all select item_id from others)
returning i.item_id::text as "itemId", i.changes, now()::text as "asOf",
          i.arrived_at < now() - interval '1 day' as "isStale"
`;

/** Locked first, so that both halves judge by the same row: an event that comes in between counts as one that came before. */
const END = `
with ended as (
  select i.item_id, e."isDone" as is_done, i.changes = e.changes as is_same
  from jsonb_to_recordset($2::jsonb) as e("itemId" bigint, changes int, "isDone" boolean)
  join crm_inbox i on i.company_id = $1 and i.item_id = e."itemId"
  order by i.item_id
  for update of i
), gone as (
  delete from crm_inbox i
  using ended e
  where i.company_id = $1 and i.item_id = e.item_id and e.is_done and e.is_same
)
update crm_inbox i
set claimed_until = null, looks = case when e.is_done then 0 else i.looks end
from ended e
where i.company_id = $1 and i.item_id = e.item_id and not (e.is_done and e.is_same)
`;
