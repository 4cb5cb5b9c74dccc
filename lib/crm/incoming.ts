/** Applies changes of the portal to our leads. Our own writes come back as events too, and change nothing. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Country } from '../phone/index.ts';
import {
  changedAt,
  contentOf,
  type Item,
  type Lead,
  leadOf,
  ORIGINATOR,
  type Theirs,
  theirsOf,
  valuesOf,
} from './mapping.ts';
import { addedAs, type Carried, type Edits, merge, type Taken } from './merge.ts';
import { namedAs } from './person-name.ts';
import { readPhones } from './phones.ts';

/** An item as it was fetched. */
export interface Look {
  readonly itemId: string;
  /** The database's clock before the fetch. */
  readonly asOf: string;
}

/**
 * 'late': a sync has the lead, or somebody looked or changed it since: the item has to be fetched again. 'known_number': nobody knows
 * the item, and another lead has its number. 'no_number': none of its numbers can be read for certain.
 */
export type Applied =
  | 'echo'
  | 'updated'
  | 'linked'
  | 'created'
  | 'ignored'
  | 'known_number'
  | 'no_number'
  | 'unlinked'
  | 'late';

export interface Wishes {
  readonly imports: boolean;
  readonly edits: Edits;
  readonly country: Country;
}

/** Numbers of an item that matched no lead and were not imported, each with the reason in words. */
export function untakenOf(item: Item, applied: Applied, { country }: Wishes): readonly string[] {
  const { phones, untaken } = readPhones(valuesOf(item, 'PHONE'), country);
  if (applied === 'known_number') return [...untaken, `another lead has ${phones[0]}`];
  return applied === 'created' || applied === 'no_number' ? untaken : [];
}

/**
 * Applies one item of the portal. A lead that is linked takes in what people changed there of its name, organisation, source, notes and
 * e-mail, by the company's policy; the phone is what a lead is known by, and is never changed from there. `imports`: an item that
 * nobody knows becomes a lead. Writes nothing over anything newer: see 'late'.
 */
export async function applyItem(
  database: Executor,
  companyId: string,
  look: Look & { readonly item: Item },
  { imports, edits, country }: Wishes,
): Promise<Applied> {
  const { itemId, asOf, item } = look;
  const origin = item.originatorId === ORIGINATOR ? leadOf(item.originId) : null;
  const [found] = await database.execute<Linked>({ text: FIND, params: [companyId, itemId, origin] });
  const theirs = theirsOf(item, country);
  if (found === undefined) return imports ? create(database, companyId, look, { theirs, country }) : 'ignored';
  if (!found.hasLink) await makeLink(database, companyId, found.id);
  const { carried, seen, isLinked } = found;
  const { send, take, afterTaking } = merge({ ours: contentOf(found), carried, seen }, theirs, edits);
  const written = await database.execute({
    text: TAKE,
    params: [
      companyId,
      itemId,
      found.id,
      found.version,
      asOf,
      JSON.stringify(columnsOf(take)),
      JSON.stringify(afterTaking.carried),
      JSON.stringify({ ...afterTaking.seen, ...updatedTime(item) }),
      send.length === 0,
    ],
  });
  if (written.length === 0) return 'late';
  if (Object.keys(take).length > 0) return 'updated';
  return isLinked ? 'echo' : 'linked';
}

/** The item is gone: its lead stays, and is added again only when it changes here. */
export async function unlinkItem(database: Executor, companyId: string, { itemId, asOf }: Look): Promise<Applied> {
  const [row] = await database.execute<{ is_known: boolean; is_unlinked: boolean }>({
    text: UNLINK,
    params: [companyId, itemId, asOf],
  });
  if (!row?.is_known) return 'ignored';
  return row.is_unlinked ? 'unlinked' : 'late';
}

async function create(
  database: Executor,
  companyId: string,
  { itemId, asOf, item }: Look & { item: Item },
  { theirs, country }: { theirs: Theirs; country: Country },
): Promise<Applied> {
  const [phone] = readPhones(valuesOf(item, 'PHONE'), country).phones;
  if (phone === undefined) return 'no_number';
  const { name = '', familyName = '', organisation = '', source = '', notes = '', emails = [] } = theirs;
  const content = { name, familyName, organisation, source, notes, phone, email: emails[0] ?? '' };
  const carried: Carried = { ...addedAs(content), wrote: { phone: false, email: false } };
  const seen = JSON.stringify({ ...theirs, ...updatedTime(item) });
  const created = await database.execute({
    text: CREATE,
    params: [companyId, itemId, asOf, JSON.stringify(carried), seen, JSON.stringify(columnsOf(content))],
  });
  return created.length > 0 ? 'created' : 'known_number';
}

/** The part of the portal's texts that a lead keeps. */
function columnsOf(texts: Readonly<Partial<Record<Taken, string>>>): Readonly<Record<string, string | null>> {
  const { name, familyName, ...others } = texts;
  return { ...others, ...(name !== undefined && familyName !== undefined && namedAs({ name, familyName })) };
}

/** A sync that nobody asked for may have added it: the rows were restored from before, or it is another deployment's. */
async function makeLink(database: Executor, companyId: string, leadId: string): Promise<void> {
  await database.execute({
    text: `
      insert into crm_links (company_id, lead_id) values ($1, $2::bigint)
      on conflict (company_id, lead_id) do nothing`,
    params: [companyId, leadId],
  });
}

/** The portal counts in seconds: what changed a moment ago may change again within the same one, and has to be looked at again. */
const SETTLED_MS = 5_000;

function updatedTime(item: Item): { readonly updatedTime?: string } {
  const at = changedAt(item);
  const isSettled = Date.now() - Date.parse(at) > SETTLED_MS;
  return isSettled ? { updatedTime: at } : {};
}

interface Linked extends Lead {
  readonly version: string;
  readonly hasLink: boolean;
  readonly isLinked: boolean;
  readonly carried: Carried | null;
  readonly seen: Theirs | null;
}

const FIND = `
select l.id::text, l.version::text, l.phone_e164 as phone, l.name, l.given_name as "givenName", l.family_name as "familyName", l.email, l.source, l.organisation, l.notes,
       k.lead_id is not null as "hasLink", k.external_id is not null as "isLinked", k.carried, k.seen
from leads l
left join crm_links k on k.company_id = l.company_id and k.lead_id = l.id
where l.company_id = $1 and (k.external_id = $2::bigint or (l.id = $3::bigint and k.external_id is null))
order by (k.external_id = $2::bigint) desc nulls last
limit 1
`;

/**
 * Only if nobody works on the link, nobody has looked at the item since, and the lead is the version that was judged: who loses
 * reads again. Where nothing of ours waits the lead is synced in its new version: what came from there is not sent back.
 */
const TAKE = `
with link as (
  select lead_id from crm_links
  where company_id = $1 and lead_id = $3::bigint and (external_id is null or external_id = $2::bigint)
    and (claimed_until is null or claimed_until < now()) and (looked_at is null or looked_at <= $5::timestamptz)
  for update
), lead as (
  select l.id, l.version from leads l join link on link.lead_id = l.id
  where l.version = $4::bigint
  for update of l
), taken as (
  update leads l
  set name         = case when t ? 'name'         then nullif(t ->> 'name', '')         else l.name end,
      given_name   = case when t ? 'name'         then t ->> 'givenName'                else l.given_name end,
      family_name  = case when t ? 'name'         then t ->> 'familyName'               else l.family_name end,
      organisation = case when t ? 'organisation' then nullif(t ->> 'organisation', '') else l.organisation end,
      source       = case when t ? 'source'       then nullif(t ->> 'source', '')       else l.source end,
      notes        = case when t ? 'notes'        then nullif(t ->> 'notes', '')        else l.notes end,
      email        = case when t ? 'email'        then nullif(t ->> 'email', '')        else l.email end,
      updated_at = now()
  from lead, (select $6::jsonb as t) take
  where l.id = lead.id and t <> '{}'
  returning l.id, l.version
)
update crm_links k
set external_id = $2::bigint, carried = $7::jsonb, seen = $8::jsonb, looked_at = $5::timestamptz, deleted_at = null,
    adding_since = null, synced_at = now(),
    synced_version = case when $9 then coalesce(taken.version, lead.version) else k.synced_version end,
    wanted_version = case when $9 then coalesce(taken.version, lead.version) else k.wanted_version end,
    refusal        = case when not $9 then k.refusal end
from lead left join taken on taken.id = lead.id
where k.company_id = $1 and k.lead_id = lead.id
returning 1
`;

const UNLINK = `
with known as (
  select lead_id from crm_links where company_id = $1 and external_id = $2::bigint
), unlinked as (
  update crm_links
  set external_id = null, carried = null, seen = null, looked_at = $3::timestamptz, deleted_at = now()
  where company_id = $1 and external_id = $2::bigint
    and (claimed_until is null or claimed_until < now()) and (looked_at is null or looked_at <= $3::timestamptz)
  returning 1
)
select exists (select from known) as is_known, exists (select from unlinked) as is_unlinked
`;

const CREATE = `
with lead as (
  insert into leads (company_id, phone_e164, name, given_name, family_name, organisation, source, notes, email)
  select $1, c ->> 'phone', nullif(c ->> 'name', ''), c ->> 'givenName', c ->> 'familyName', nullif(c ->> 'organisation', ''), nullif(c ->> 'source', ''),
         nullif(c ->> 'notes', ''), nullif(c ->> 'email', '')
  from (select $6::jsonb as c) item
  on conflict (company_id, phone_e164) do nothing
  returning id, version
)
insert into crm_links (company_id, lead_id, external_id, carried, seen, looked_at, wanted_version, synced_version, synced_at)
select $1, id, $2::bigint, $4::jsonb, $5::jsonb, $3::timestamptz, version, version, now() from lead
on conflict do nothing
returning 1
`;
