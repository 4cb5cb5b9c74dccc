/** The statements of a sync: which leads it carries, and how far each came. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Lead, Theirs } from '../mapping.ts';
import type { Carried } from '../merge.ts';

export interface Waiting extends Lead {
  /** The version of the lead that was read. The sync covers this version and no newer one. */
  readonly version: string;
  readonly externalId: string | null;
  readonly carried: Carried | null;
  readonly seen: Theirs | null;
  /** An add whose answer is not known began so long ago, ms; null: there is none. */
  readonly addingForMs: number | null;
}

export interface Holder {
  readonly companyId: string;
  readonly jobId: string;
  readonly fence: number;
}

export type Claim =
  | { readonly kind: 'claimed'; readonly leads: readonly Waiting[] }
  /** Another job has the lead: come again in `delayMs`. */
  | { readonly kind: 'held'; readonly delayMs: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'unknown' };

/** Longer than a run: who finds a claim older than this finds a job that died. */
const HELD_S = 300;
const HELD_AGAIN_MS = 5_000;

/** The method that a lead which waits needs in the end: to be added, or to be changed; null: it needs none. */
export async function neededMethod(
  database: Executor,
  companyId: string,
  leadId: string,
): Promise<'crm.item.add' | 'crm.item.update' | null> {
  const [row] = await database.execute<{ is_linked: boolean }>({
    text: `
      select k.external_id is not null as is_linked from leads l
      left join crm_links k on k.company_id = l.company_id and k.lead_id = l.id
      where l.company_id = $1 and l.id = $2::bigint
        and (k.lead_id is null or k.synced_version < l.version or k.refusal is not null)`,
    params: [companyId, leadId],
  });
  if (row === undefined) return null;
  return row.is_linked ? 'crm.item.update' : 'crm.item.add';
}

/**
 * Takes the lead and up to `more` others of the company that wait, so that one lead is synced by one job at a time. A job whose lead
 * another one carried along finds it done; one whose lead was refused then asks once more, to say so itself. A lead that got no
 * answer three times is in smaller and smaller company, at last alone: else one that the portal chokes on would hold up all others.
 */
export async function claimLeads(
  database: Executor,
  { companyId, jobId, fence }: Holder,
  { leadId, more, underWayMs }: { leadId: string; more: number; underWayMs: number },
): Promise<Claim> {
  const params = [companyId, leadId, jobId, fence, more, HELD_S, underWayMs];
  const rows = await database.execute<Row>({ text: CLAIM, params });
  const [first] = rows;
  if (first === undefined) return { kind: 'unknown' };
  if (first.is_held) return { kind: 'held', delayMs: HELD_AGAIN_MS };
  const leads = rows.flatMap(({ lead }) => (lead === null ? [] : [lead]));
  return leads.length === 0 ? { kind: 'done' } : { kind: 'claimed', leads };
}

interface Row {
  is_held: boolean;
  lead: Waiting | null;
}

/** One request in five lost is a bad day, not a bad lead: after so many in a row half as many travel with it at each, until it is alone. */
const COMPANY_AFTER = 2;

const CLAIM = `
with lead as (
  select id, version from leads where company_id = $1 and id = $2::bigint
), own as (
  insert into crm_links as k (company_id, lead_id, wanted_version, claimed_by, claim_fence, claimed_until)
  select $1, id, version, $3::bigint, $4::bigint, now() + $6::float8 * interval '1 s' from lead
  on conflict (company_id, lead_id) do update
  set claimed_by = excluded.claimed_by, claim_fence = excluded.claim_fence, claimed_until = excluded.claimed_until,
      wanted_version = greatest(k.wanted_version, excluded.wanted_version)
  where (k.claimed_until is null or k.claimed_until < now() or k.claimed_by = $3::bigint)
    and (k.synced_version < (select version from lead) or k.refusal is not null)
  returning lead_id, unanswered
), others as (
  update crm_links k
  set claimed_by = $3::bigint, claim_fence = $4::bigint, claimed_until = now() + $6::float8 * interval '1 s'
  where exists (select from own) and (k.company_id, k.lead_id) in (
    select w.company_id, w.lead_id from crm_links w
    where w.company_id = $1 and w.wanted_version > w.synced_version and w.lead_id <> $2::bigint
      and (w.claimed_until is null or w.claimed_until < now())
      and w.unanswered <= (select unanswered from own)
      and (w.adding_since is null or w.adding_since < now() - $7::float8 * interval '1 ms')
    order by w.lead_id
    limit (select $5::int >> least(greatest(unanswered - ${COMPANY_AFTER}, 0), 8) from own)
    for update skip locked)
  returning lead_id
), taken as (
  select lead_id from own union all select lead_id from others
)
select not exists (select from own) and coalesce(k.synced_version < lead.version or k.refusal is not null, true) as is_held,
       case when t.lead_id is not null then jsonb_build_object(
         'id', l.id::text, 'version', l.version::text, 'phone', l.phone_e164, 'name', l.name,
         'givenName', l.given_name, 'familyName', l.family_name, 'email', l.email, 'source', l.source,
         'organisation', l.organisation, 'notes', l.notes, 'externalId', x.external_id::text, 'carried', x.carried, 'seen', x.seen,
         'addingForMs', extract(epoch from now() - x.adding_since) * 1000) end as lead
from lead
left join crm_links k on k.company_id = $1 and k.lead_id = lead.id
left join taken t on true
left join leads l on l.id = t.lead_id
left join crm_links x on x.company_id = $1 and x.lead_id = t.lead_id
order by l.id
`;

/**
 * Records before an add that it begins, and with what values, so that a later run recognises the lead if this run never learns of
 * it. Returns the leads that this run still holds; nothing may be written for the others.
 */
export async function holdAdds(
  database: Executor,
  { companyId, jobId, fence }: Holder,
  adds: readonly { readonly leadId: string; readonly carried: Carried }[],
): Promise<ReadonlySet<string>> {
  const held = await database.execute<{ lead_id: string }>({
    text: `
      update crm_links k
      set adding_since = now(), carried = a.carried, seen = null, external_id = null
      from jsonb_to_recordset($4::jsonb) as a("leadId" bigint, carried jsonb)
      where k.company_id = $1 and k.lead_id = a."leadId" and k.claimed_by = $2::bigint and k.claim_fence = $3::bigint
      returning k.lead_id::text`,
    params: [companyId, jobId, fence, JSON.stringify(adds)],
  });
  return new Set(held.map(({ lead_id: id }) => id));
}

/** The outcome for a lead. */
export type Outcome =
  | { readonly kind: 'synced'; readonly externalId: string; readonly carried: Carried; readonly seen: Theirs }
  /** Nobody looked: the previous values stay. */
  | { readonly kind: 'same' }
  /** Final for this version, with the reason; what is known of its item stays. `given_up`: it may be there all the same. */
  | { readonly kind: 'refused' | 'given_up'; readonly reason: string }
  /** Refused as all others are: the version is asked for again after a resume. */
  | { readonly kind: 'held'; readonly reason: string }
  /** The add did provably not happen: no need to wait whether it turns up. */
  | { readonly kind: 'not_added' };

export type Settled = Outcome & { readonly leadId: string; readonly version: string };

/**
 * Writes what became of leads, and gives back the claim of all others of this job. Under its claim only: a run that outlived it
 * writes nothing. A version never goes back.
 */
export async function settleLeads(
  database: Executor,
  { companyId, jobId, fence }: Holder,
  settled: readonly Settled[],
): Promise<void> {
  await database.execute({ text: SETTLE, params: [companyId, jobId, fence, JSON.stringify(settled)] });
}

const SETTLE = `
with settled as (
  select * from jsonb_to_recordset($4::jsonb)
    as s(kind text, "leadId" bigint, version bigint, "externalId" bigint, carried jsonb, seen jsonb, reason text)
), held as (
  select lead_id from crm_links
  where company_id = $1 and claimed_by = $2::bigint and claim_fence = $3::bigint
  order by lead_id
  for update
)
update crm_links k
set external_id    = case when s.kind = 'synced' then s."externalId" else k.external_id end,
    carried        = case when s.kind = 'synced' then s.carried
                          when s.kind = 'not_added' or s.kind in ('refused', 'held') and k.external_id is null then null else k.carried end,
    seen           = case when s.kind = 'synced' then s.seen else k.seen end,
    looked_at      = case when s.kind = 'synced' then now() else k.looked_at end,
    adding_since   = case when s.kind in ('synced', 'refused', 'held', 'not_added') then null else k.adding_since end,
    synced_version = greatest(k.synced_version, case when s.kind not in ('held', 'not_added') then s.version end),
    synced_at      = case when s.kind in ('synced', 'same') then now() else k.synced_at end,
    refusal        = case when s.kind in ('synced', 'same') then null else coalesce(s.reason, k.refusal) end,
    unanswered     = case when s.kind <> 'not_added' then 0 else k.unanswered end,
    unanswered_since = case when s.kind <> 'not_added' then null else k.unanswered_since end,
    deleted_at     = case when s.kind = 'synced' then null else k.deleted_at end,
    claimed_by = null, claim_fence = null, claimed_until = null
from held
left join settled s on s."leadId" = held.lead_id
where k.company_id = $1 and k.lead_id = held.lead_id
`;

export interface Unanswered {
  readonly count: number;
  readonly forMs: number;
}

/**
 * One more request with these leads that got no answer, while the portal answered the one before it: that is no outage. Answers how many
 * in a row there were of each, and since when; none in an outage, of which no lead is to blame.
 */
export async function countUnanswered(
  database: Executor,
  { companyId, jobId, fence }: Holder,
  leadIds: readonly string[],
): Promise<ReadonlyMap<string, Unanswered>> {
  if (leadIds.length === 0) return new Map();
  const rows = await database.execute<Unanswered & { leadId: string }>({
    text: `
      update crm_links set unanswered = unanswered + 1, unanswered_since = coalesce(unanswered_since, now())
      where company_id = $1 and claimed_by = $2::bigint and claim_fence = $3::bigint
        and lead_id in (select value::bigint from jsonb_array_elements_text($4::jsonb))
        and not exists (select from connections
                        where company_id = $1 and provider = 'bitrix24' and failing_since is not null and failures > 1)
      returning lead_id::text as "leadId", unanswered as count,
                (extract(epoch from now() - unanswered_since) * 1000)::float8 as "forMs"`,
    params: [companyId, jobId, fence, JSON.stringify(leadIds)],
  });
  return new Map(rows.map(({ leadId, count, forMs }) => [leadId, { count, forMs }]));
}

/** The given items that are already linked to another lead of the company. */
export async function linkedElsewhere(
  database: Executor,
  companyId: string,
  externalIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await database.execute<{ external_id: string }>({
    text: `
      select external_id::text from crm_links
      where company_id = $1 and external_id = any(array(select value::bigint from jsonb_array_elements_text($2::jsonb)))`,
    params: [companyId, JSON.stringify(externalIds)],
  });
  return new Set(rows.map(({ external_id: id }) => id));
}
