/** The statements of a sync: which leads it carries, and how far each came. */
import type { Executor } from '../../../db/database.ts';
import type { Lead } from '../../crm/mapping.ts';

export interface Waiting extends Lead {
  /** Of the lead as it is read here: what is synced is this version and no newer one. */
  readonly version: string;
  readonly externalId: string | null;
  readonly contentHash: string | null;
  readonly isDeleted: boolean;
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
  /** There is nothing to do: the portal has this version, or, where `externalId` is null, the lead is left out. */
  | { readonly kind: 'done'; readonly externalId: string | null }
  | { readonly kind: 'unknown' };

/** Longer than a run: who finds a claim older than this finds a job that died. */
const HELD_S = 300;
const HELD_AGAIN_MS = 5_000;

/**
 * Takes the lead and up to `more` others of the company that wait, so that one lead is synced by one job at a time. A job whose
 * lead another one carried along finds it done, unless the portal refused it: then the job asks itself, and fails by its own answer. So
 * does one that is replayed after somebody mended what was refused.
 */
export async function claimLeads(
  database: Executor,
  { companyId, jobId, fence }: Holder,
  { leadId, more }: { leadId: string; more: number },
): Promise<Claim> {
  const rows = await database.execute<Row>({ text: CLAIM, params: [companyId, leadId, jobId, fence, more, HELD_S] });
  const [first] = rows;
  if (first === undefined) return { kind: 'unknown' };
  if (first.is_held) return { kind: 'held', delayMs: HELD_AGAIN_MS };
  const leads = rows.flatMap(({ lead }) => (lead === null ? [] : [lead]));
  return leads.length === 0 ? { kind: 'done', externalId: first.external_id } : { kind: 'claimed', leads };
}

interface Row {
  is_held: boolean;
  external_id: string | null;
  lead: Waiting | null;
}

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
  returning lead_id
), others as (
  update crm_links k
  set claimed_by = $3::bigint, claim_fence = $4::bigint, claimed_until = now() + $6::float8 * interval '1 s'
  where exists (select from own) and (k.company_id, k.lead_id) in (
    select w.company_id, w.lead_id from crm_links w
    where w.company_id = $1 and w.wanted_version > w.synced_version and w.lead_id <> $2::bigint
      and (w.claimed_until is null or w.claimed_until < now())
    order by w.lead_id
    limit $5::int
    for update skip locked)
  returning lead_id
), taken as (
  select lead_id from own union all select lead_id from others
)
select not exists (select from own) and coalesce(k.synced_version < lead.version or k.refusal is not null, false) as is_held,
       k.external_id::text as external_id,
       case when t.lead_id is not null then jsonb_build_object(
         'id', l.id::text, 'version', l.version::text, 'phone', l.phone_e164, 'name', l.name, 'email', l.email, 'source', l.source,
         'organisation', l.organisation, 'notes', l.notes, 'externalId', x.external_id::text, 'contentHash', x.content_hash,
         'isDeleted', x.deleted_at is not null) end as lead
from lead
left join crm_links k on k.company_id = $1 and k.lead_id = lead.id
left join taken t on true
left join leads l on l.id = t.lead_id
left join crm_links x on x.company_id = $1 and x.lead_id = t.lead_id
order by l.id
`;

export interface Synced {
  readonly leadId: string;
  readonly version: string;
  readonly externalId: string | null;
  readonly contentHash: string | null;
  /** Why the portal does not want it; null if it has it, or was not asked. */
  readonly refusal: string | null;
}

/**
 * Writes how far leads came, and gives back the claim of all others of this job. Under its claim only: a run that outlived it
 * writes nothing. A version never goes back.
 */
export async function settleLeads(
  database: Executor,
  { companyId, jobId, fence }: Holder,
  synced: readonly Synced[],
): Promise<void> {
  await database.execute({ text: SETTLE, params: [companyId, jobId, fence, JSON.stringify(synced)] });
}

const SETTLE = `
with synced as (
  select * from jsonb_to_recordset($4::jsonb)
    as s("leadId" bigint, version bigint, "externalId" bigint, "contentHash" text, refusal text)
), held as (
  select lead_id from crm_links
  where company_id = $1 and claimed_by = $2::bigint and claim_fence = $3::bigint
  order by lead_id
  for update
)
update crm_links k
set external_id    = case when s."leadId" is null then k.external_id else s."externalId" end,
    content_hash   = case when s."leadId" is null then k.content_hash else s."contentHash" end,
    synced_version = greatest(k.synced_version, coalesce(s.version, 0)),
    synced_at      = case when s."leadId" is null then k.synced_at else now() end,
    refusal        = case when s."leadId" is null then k.refusal else s.refusal end,
    deleted_at     = case when s."externalId" is not null then null else k.deleted_at end,
    claimed_by = null, claim_fence = null, claimed_until = null
from held
left join synced s on s."leadId" = held.lead_id
where k.company_id = $1 and k.lead_id = held.lead_id
`;

/** Of these items those that another lead of the company is linked to already. */
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
