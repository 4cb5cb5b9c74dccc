/** Makes recipients of an audience, slice by slice: everybody gets a row, also who must not be written to, with the reason. */

import { storableText } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { commitByHalves } from '../../halves.ts';
import { type Country, readPhone } from '../../phone/index.ts';
import { type Candidate, readAudience } from './audience.ts';
import { firstNameOf } from './first-name.ts';
import { messageFor, type Templates } from './message.ts';
import type { OpenCampaign } from './open.ts';
import { fill } from './parameters.ts';
import { windowsOf } from './quiet-hours.ts';
import { clockOf } from './zones.ts';

/** Rows per commit, some 60 ms. More would lock the campaign's row for longer and delay a pause. */
const SLICE_ROWS = 500;

/**
 * Plans the next slice behind `after`, or a part of it where `isOver` says that there is no time left. Answers where the one after it
 * begins, 'planned' when there was nothing left, or 'moved' when another job, or an operator, was quicker.
 */
export async function planSlice(
  database: Executor,
  campaign: OpenCampaign,
  after: string,
  isOver: () => boolean,
): Promise<{ readonly next: string } | 'planned' | 'moved'> {
  const { campaignId, companyId, audience, planLimit } = campaign;
  const piece = { campaignId, companyId, audience, after, upTo: planLimit, limit: SLICE_ROWS };
  const candidates = await readAudience(database, piece);
  if (candidates.length === 0) return (await endPlan(database, campaignId, after)) ? 'planned' : 'moved';
  const templates = await readTemplates(database, campaign.templateId);
  const windows = campaign.quietHours && windowsOf(campaign.quietHours);
  const now = Date.now();
  const rows = candidates.map((candidate, place): Planned => {
    return { place, position: candidate.position, ...judge(candidate, campaign, templates, windows, now) };
  });
  let next = after;
  for await (const { answer: last } of commitByHalves(
    rows,
    (part) => commit(database, campaignId, next, part),
    unplannable,
  )) {
    if (last === null) return 'moved';
    next = last;
    if (isOver()) break;
  }
  return { next };
}

/** A recipient as `PLAN` reads it. */
interface Planned {
  readonly place: number;
  readonly position: string;
  readonly given: string;
  readonly phone?: string;
  readonly skip?: string;
  readonly error?: string;
}

/** The position of the last one; null where the campaign is no longer at `after`. */
async function commit(
  database: Executor,
  campaignId: string,
  after: string,
  rows: readonly Planned[],
): Promise<string | null> {
  const last = rows.at(-1)?.position ?? after;
  const committed = await database.execute({ text: PLAN, params: [campaignId, after, last, JSON.stringify(rows)] });
  return committed.length === 1 ? last : null;
}

/** Nothing of them but what was given: any other value may be the one that Postgres refuses. */
function unplannable({ place, position, given }: Planned, why: string): Planned {
  return { place, position, given, skip: 'refused', error: why };
}

/** The settings of a campaign that decide about one person. */
export type Rules = Pick<OpenCampaign, 'country' | 'companyZone' | 'needsConsent' | 'sources'>;

/** Judges whether one person can be written to, as far as it can be told without the database; else `skip` says why not. */
export function judge(
  candidate: Candidate,
  { country, companyZone, needsConsent, sources }: Rules,
  templates: Templates,
  windows: ReturnType<typeof windowsOf> | null,
  now: number,
) {
  const { leadId, name, language, timeZone } = candidate;
  const given = storableText(candidate.phone, MAX_GIVEN);
  const shared = { leadId, name, language, timeZone, given };
  const read = readPhone(candidate.phone, { country: country as Country });
  if (!('phone' in read))
    return {
      ...shared,
      skip: 'invalid_phone',
      error: 'refused' in read ? read.said : 'this says that there is no number',
    };
  const { phone } = read;
  if (needsConsent && !candidate.consented) return { ...shared, phone, skip: 'no_consent' };
  const texts = fill(sources, { ...candidate.fields, name, first_name: firstNameOf(candidate), phone });
  const written = messageFor({ phone, language, texts }, templates);
  // A gap that the campaign does not know is the template's doing: it pauses for that before it sends.
  if (written.kind === 'missing' && Object.hasOwn(sources, written.key))
    return { ...shared, phone, skip: 'missing_parameter' };
  if (written.kind === 'refused') return { ...shared, phone, skip: written.why };
  const window = windows?.(now, clockOf({ phone, timeZone }, companyZone).zones);
  if (window === null) return { ...shared, phone, parameters: texts, skip: 'no_allowed_hour' };
  return { ...shared, phone, parameters: texts, opensAtMs: window?.opensAtMs, closesAtMs: window?.closesAtMs };
}

/** The template, approved or not yet, and its approved translations. */
export async function readTemplates(database: Executor, templateId: string): Promise<Templates> {
  const [row] = await database.execute<Templates>({
    text: `
      select jsonb_build_object('name', own.name, 'language', own.language) as template,
             jsonb_object_agg(t.language, jsonb_build_object('parameters', t.parameters, 'format', t.parameter_format, 'body', t.body,
               'components', t.components)) as templates
      from templates own
      join templates t on t.company_id = own.company_id and t.name = own.name and (t.id = own.id or t.status = 'APPROVED')
      where own.id = $1::bigint
      group by own.id`,
    params: [templateId],
  });
  return row as NonNullable<typeof row>;
}

/** The longest invalid number that is kept, in bytes: enough to find it again. */
const MAX_GIVEN = 100;

/** Ends planning: from now on recipients are claimed. Deletes the list, because it is no longer needed and holds personal data. */
async function endPlan(database: Executor, campaignId: string, position: string): Promise<boolean> {
  const ended = await database.execute({
    text: `
      with planned as (
        update campaigns
        set status = 'running', planned_at = now(), breaker_from = clock_timestamp()
        where id = $1 and status = 'planning' and plan_position = $2::bigint
        returning id
      ), dropped as (
        delete from campaign_entries e using planned where e.campaign_id = planned.id
      )
      select id from planned`,
    params: [campaignId, position],
  });
  return ended.length === 1;
}

/** SQL: what the person `i` gets of the template `t`, in their language or the campaign's, is marketing. */
export const IS_MARKETING = `(t.category = 'MARKETING' or exists (
  select from templates own
  where own.company_id = t.company_id and own.name = t.name and own.language = i.language and own.status = 'APPROVED'
    and own.category = 'MARKETING'))`;

/** SQL, branches of a `case`: why the person `i` (company_id, phone, is_marketing) must not be written to, whatever the message says. */
export const REFUSALS = `
when exists (
  select from opt_outs o
  where o.company_id = i.company_id and o.phone_e164 = i.phone and o.lifted_at is null
    and (o.scope = 'all' or i.is_marketing)) then 'opted_out'
when exists (
  select from recipients p
  where p.company_id = i.company_id and p.phone_e164 = i.phone and p.attempt > 0
    and p.claimed_at > now() - interval '30 days'
    and p.status = 'failed' and p.error_code = 131026)
  or exists (
  select from leads l
  where l.company_id = i.company_id and l.phone_e164 = i.phone
    and l.whatsapp_unreachable_at > now() - interval '30 days') then 'unreachable'`;

/**
 * The lock on the campaign comes first and everything joins it: two that plan at once, or one that plans what was paused or
 * cancelled meanwhile, write nothing. Of rows with one number the first counts, also over slices; the others have none.
 */
const PLAN = `
with slice as (
  select id, company_id, template_id
  from campaigns
  where id = $1 and status = 'planning' and plan_position = $2::bigint
  for update
), input as (
  select i.*, slice.company_id,
         ${IS_MARKETING} as is_marketing,
         min(i.place) over (partition by i.phone) as first_place
  from slice
  join templates t on t.id = slice.template_id
  cross join jsonb_to_recordset($4::jsonb) as i(place int, phone text, given text, "leadId" bigint, name text, language text,
    "timeZone" text, parameters jsonb, skip text, error text, "opensAtMs" float8, "closesAtMs" float8)
), judged as (
  select i.*,
         case
           when i.phone is null then i.skip
           when i.place <> i.first_place
             or exists (select from recipients r where r.campaign_id = $1 and r.phone_e164 = i.phone) then 'duplicate'
           when i.skip is not null then i.skip
           ${REFUSALS}
         end as reason
  from input i
), planned as (
  insert into recipients (campaign_id, company_id, phone_e164, given, lead_id, name, language, parameters, time_zone,
    status, skip_reason, error, next_at, closes_at, deferred_for)
  select $1, company_id,
         case when reason is distinct from 'duplicate' then phone end,
         case when phone is null or reason = 'duplicate' then given end,
         "leadId", name, language, coalesce(parameters, '{}'), "timeZone",
         case when reason is not null then 'skipped'
              when to_timestamp("opensAtMs" / 1000) > now() then 'deferred'
              else 'pending' end,
         reason, error,
         greatest(to_timestamp("opensAtMs" / 1000), now()), to_timestamp("closesAtMs" / 1000),
         case when reason is null and to_timestamp("opensAtMs" / 1000) > now() then 'quiet_hours' end
  from judged
  order by place
)
update campaigns c
set plan_position = $3::bigint
from slice
where c.id = slice.id
returning c.id
`;
