/** Whom a campaign is for, read piece by piece: leads that fit a filter, or the list that came with it. */
import type { Executor } from '@conversure/jobqueue/postgres';

export interface LeadFilter {
  readonly kind: 'leads';
  /** Has one of them. */
  readonly anyTag?: readonly string[] | undefined;
  /** Has all of them. */
  readonly allTags?: readonly string[] | undefined;
  /** Has none of them. */
  readonly noTag?: readonly string[] | undefined;
  readonly sources?: readonly string[] | undefined;
  readonly importId?: string | undefined;
  /** ISO instants: created at or after, and before. */
  readonly createdFrom?: string | undefined;
  readonly createdBefore?: string | undefined;
}

export type Audience = LeadFilter | { readonly kind: 'list' };

/** Somebody of the audience, before anybody judged whether they may be written to. */
export interface Candidate {
  /** A lead's id, or a place in the list: what the next piece starts behind. */
  readonly position: string;
  readonly phone: string;
  readonly leadId: string | null;
  readonly name: string | null;
  /** The given name if it is known apart; a list holds whole names only. */
  readonly givenName: string | null;
  readonly language: string | null;
  readonly timeZone: string | null;
  readonly consented: boolean;
  /** Fields that the campaign's parameters can be filled with, besides name and phone. */
  readonly fields: Readonly<Record<string, string | null>>;
}

export interface Piece {
  readonly campaignId: string;
  readonly companyId: string;
  readonly audience: Audience;
  /** Exclusive. */
  readonly after: string;
  /** Inclusive; null: to the end of the list. */
  readonly upTo: string | null;
  readonly limit: number;
}

export function readAudience(database: Executor, piece: Piece): Promise<Candidate[]> {
  const { campaignId, companyId, audience, after, upTo, limit } = piece;
  return audience.kind === 'list'
    ? database.execute<Candidate>({ text: ENTRIES, params: [campaignId, after, limit] })
    : database.execute<Candidate>({ text: LEADS, params: [companyId, after, upTo, JSON.stringify(audience), limit] });
}

const ENTRIES = `
select n::text as position, phone, null as "leadId", name, null as "givenName", language, time_zone as "timeZone", consented,
       parameters as fields
from campaign_entries
where campaign_id = $1 and n > $2::bigint
order by n
limit $3::int
`;

/** The number of leads that fit, counted up to `most`. */
export async function countAudience(
  database: Executor,
  { companyId, audience, most }: { readonly companyId: string; readonly audience: LeadFilter; readonly most: number },
): Promise<number> {
  const [row] = await database.execute<{ people: number }>({
    text: `select count(*)::int as people from (select ${FITTING} limit $5::int) fitting`,
    params: [companyId, '0', MAX_ID, JSON.stringify(audience), most],
  });
  return row?.people ?? 0;
}

/** No lead has a higher one. */
export const MAX_ID = '9223372036854775807';

/** SQL behind `select`: the leads `l` that fit the filter `$4`. */
const FITTING = `
from leads l
cross join (
  select f.*, array(select jsonb_array_elements_text(f."anyTag"))  as any_tag,
              array(select jsonb_array_elements_text(f."allTags")) as all_tags,
              array(select jsonb_array_elements_text(f."noTag"))   as no_tag,
              array(select jsonb_array_elements_text(f.sources))   as any_source
  from jsonb_to_record($4::jsonb) as f("anyTag" jsonb, "allTags" jsonb, "noTag" jsonb, sources jsonb, "importId" text,
    "createdFrom" timestamptz, "createdBefore" timestamptz)
) f
where l.company_id = $1 and l.id > $2::bigint and l.id <= $3::bigint
  and (f."anyTag" is null or l.tags && f.any_tag)
  and (f."allTags" is null or l.tags @> f.all_tags)
  and (f."noTag" is null or not l.tags && f.no_tag)
  and (f.sources is null or l.source = any(f.any_source))
  and (f."importId" is null or l.import_id = f."importId")
  and (f."createdFrom" is null or l.created_at >= f."createdFrom")
  and (f."createdBefore" is null or l.created_at < f."createdBefore")
`;

const LEADS = `
select l.id::text as position, l.phone_e164 as phone, l.id::text as "leadId", l.name, l.given_name as "givenName", null as language,
       l.time_zone as "timeZone", l.consented_at is not null as consented,
       jsonb_build_object('email', l.email, 'source', l.source, 'organisation', l.organisation) as fields
${FITTING}
order by l.id
limit $5::int
`;
