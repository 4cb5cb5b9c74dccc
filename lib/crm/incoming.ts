/** What changed in the portal, brought to our leads. What we wrote there ourselves comes back as an event too, and changes nothing. */
import type { Executor } from '../../db/client.ts';
import { Multifield } from '../providers/bitrix24.ts';
import { contentOf, hashOf, leadOf, ORIGINATOR } from './mapping.ts';

export interface PortalItem {
  readonly id: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export type Applied = 'echo' | 'updated' | 'linked' | 'created' | 'ignored' | 'unlinked';

/**
 * Applies one item of the portal. A lead that is linked takes over its name, organisation, source, notes and e-mail, where they
 * are not empty: the phone is what a lead is known by, and is never changed from there. `imports`: an item that nobody knows
 * becomes a lead.
 */
export async function applyItem(
  database: Executor,
  companyId: string,
  { id, fields }: PortalItem,
  { imports }: { imports: boolean },
): Promise<Applied> {
  const has = Array.isArray(fields.fm) ? fields.fm.flatMap((one) => Multifield.safeParse(one).data ?? []) : [];
  const phones = has.filter(({ typeId }) => typeId === 'PHONE').map(({ value }) => e164(value));
  const lead = {
    name: text(fields.name),
    organisation: text(fields.companyTitle),
    source: text(fields.sourceDescription),
    notes: text(fields.comments),
    email: has.find(({ typeId }) => typeId === 'EMAIL')?.value ?? null,
  };
  const origin = fields.originatorId === ORIGINATOR ? leadOf(fields.originId) : null;
  const [found] = await database.execute<Linked>({ text: FIND, params: [companyId, id, origin] });
  if (found === undefined) {
    const [phone] = phones.filter((one) => one !== null);
    if (!imports || phone === undefined) return 'ignored';
    const created = await database.execute({
      text: CREATE,
      params: [
        companyId,
        id,
        phone,
        lead.name,
        lead.organisation,
        lead.source,
        lead.notes,
        lead.email,
        hashOf(contentOf({ ...lead, phone })),
      ],
    });
    return created.length > 0 ? 'created' : 'ignored';
  }
  const hasEmail = has.some(({ value }) => value.toLowerCase() === found.email?.toLowerCase());
  const merged = {
    phone: found.phone,
    name: lead.name ?? found.name,
    organisation: lead.organisation ?? found.organisation,
    source: lead.source ?? found.source,
    notes: lead.notes ?? found.notes,
    email: has.some(({ value }) => value.toLowerCase() === found.email?.toLowerCase())
      ? found.email
      : (lead.email ?? found.email),
  };
  // What the portal has, not what we make of it: a change of ours that it lacks must still look like one.
  const theirs = contentOf({ ...lead, phone: found.phone, email: hasEmail ? found.email : lead.email });
  const isSame = hashOf(contentOf(merged)) === hashOf(contentOf(found));
  if (isSame && found.is_linked) return 'echo';
  await database.execute({
    text: UPDATE,
    params: [
      companyId,
      id,
      found.id,
      merged.name,
      merged.organisation,
      merged.source,
      merged.notes,
      merged.email,
      hashOf(theirs),
    ],
  });
  return isSame ? 'linked' : 'updated';
}

/** The item is gone: its lead stays, and is added again only when it changes here. */
export async function unlinkItem(database: Executor, companyId: string, externalId: string): Promise<Applied> {
  const rows = await database.execute({
    text: `
      update crm_links set external_id = null, content_hash = null, deleted_at = now()
      where company_id = $1 and external_id = $2::bigint
      returning 1`,
    params: [companyId, externalId],
  });
  return rows.length > 0 ? 'unlinked' : 'ignored';
}

interface Linked {
  id: string;
  phone: string;
  name: string | null;
  email: string | null;
  source: string | null;
  organisation: string | null;
  notes: string | null;
  is_linked: boolean;
}

const FIND = `
select l.id::text, l.phone_e164 as phone, l.name, l.email, l.source, l.organisation, l.notes, k.external_id is not null as is_linked
from leads l
left join crm_links k on k.company_id = l.company_id and k.lead_id = l.id
where l.company_id = $1 and (k.external_id = $2::bigint or (l.id = $3::bigint and k.external_id is null))
order by (k.external_id = $2::bigint) desc nulls last
limit 1
`;

/** The lead has the version that the portal has: what came from there is not sent back. A change of ours that waits stays. */
const UPDATE = `
with lead as (
  update leads
  set name = $4, organisation = $5, source = $6, notes = $7, email = $8, updated_at = now()
  where company_id = $1 and id = $3::bigint
    and (name, organisation, source, notes, email) is distinct from ($4::text, $5::text, $6::text, $7::text, $8::text)
  returning id, version
)
insert into crm_links as k (company_id, lead_id, external_id, content_hash, wanted_version, synced_version, synced_at)
select $1, l.id, $2::bigint, $9, coalesce(lead.version, l.version), coalesce(lead.version, l.version), now()
from leads l left join lead on lead.id = l.id
where l.company_id = $1 and l.id = $3::bigint
on conflict (company_id, lead_id) do update
set external_id = excluded.external_id, content_hash = excluded.content_hash, deleted_at = null, synced_at = now(),
    synced_version = case when k.wanted_version > k.synced_version then k.synced_version else excluded.synced_version end,
    wanted_version = greatest(k.wanted_version, excluded.wanted_version)
`;

const CREATE = `
with lead as (
  insert into leads (company_id, phone_e164, name, organisation, source, notes, email)
  values ($1, $3, $4, $5, $6, $7, $8)
  on conflict (company_id, phone_e164) do nothing
  returning id, version
)
insert into crm_links (company_id, lead_id, external_id, content_hash, wanted_version, synced_version, synced_at)
select $1, id, $2::bigint, $9, version, version, now() from lead
on conflict do nothing
returning 1
`;

function text(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, 10_000) : null;
}

/** Portals hold numbers as people type them; only what is international for certain is one of ours. */
function e164(value: string): string | null {
  const digits = value.replace(/[^\d+]/g, '').replace(/^00/, '+');
  return /^\+[1-9]\d{6,14}$/.test(digits) ? digits : null;
}
