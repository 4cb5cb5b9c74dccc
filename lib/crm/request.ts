/** Asking for leads to be in the CRM: what changed is noted with its version, and a job is enqueued, in one statement. */
import type { Executor } from '@conversure/jobqueue/postgres';

/** A statement of this many takes some 50 ms. */
const MOST_LEADS = 1_000;

/**
 * Enqueues `crm_sync` for these leads of the company, 1,000 at most; a lead whose version was asked for before adds nothing.
 * Answers how many jobs were added. Throws RangeError for more.
 */
export async function requestSync(database: Executor, companyId: string, leadIds: readonly string[]): Promise<number> {
  if (leadIds.length > MOST_LEADS) throw new RangeError(`expected at most ${MOST_LEADS} leads, got ${leadIds.length}`);
  const [row] = await database.execute<{ added: number }>({
    text: REQUEST,
    params: [companyId, JSON.stringify(leadIds)],
  });
  return row?.added ?? 0;
}

/**
 * SQL of two common table expressions: `wanted` notes the versions of the leads that `leads` selects as (company_id, id, version),
 * `asked` enqueues their jobs and has one row, `added`. Whoever joins `asked` does it together with what changed the leads, or not at all.
 */
export function syncRequest(leads: string): string {
  return `
wanted as (
  insert into crm_links as k (company_id, lead_id, wanted_version)
  ${leads}
  order by id
  on conflict (company_id, lead_id) do update set wanted_version = excluded.wanted_version
  where k.wanted_version < excluded.wanted_version
  returning company_id, lead_id, wanted_version
), asked as (
  select (select count(*) from jobqueue.add_jobs(jobs.list) a where not a.duplicate)::int as added
  from (
    select coalesce(jsonb_agg(jsonb_build_object(
      'type', 'crm_sync', 'queue', 'default', 'priority', 0, 'max_attempts', 8,
      'payload', jsonb_build_object('companyId', company_id, 'leadId', lead_id::text,
                                    'action', case when wanted_version = 1 then 'create' else 'update' end),
      'idempotency_key', 'crm:' || lead_id || ':' || wanted_version) order by lead_id), '[]') as list
    from wanted
  ) jobs
)`;
}

const REQUEST = `
with ${syncRequest(`
  select company_id, id, version from leads
  where company_id = $1 and id = any(array(select value::bigint from jsonb_array_elements_text($2::jsonb)))`)}
select added from asked
`;
