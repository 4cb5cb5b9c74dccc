/** The outcome of a campaign before it is made: who is written to, who is skipped and why, and what people would read. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { filledText } from '../templates/fill.ts';
import { type Candidate, countAudience, MAX_ID, readAudience } from './campaign-send/audience.ts';
import type { Templates } from './campaign-send/message.ts';
import { IS_MARKETING, judge, REFUSALS, readTemplates } from './campaign-send/plan.ts';
import { windowsOf } from './campaign-send/quiet-hours.ts';
import { checkCampaign } from './create.ts';
import type { NewCampaign } from './request.ts';

export interface CampaignPreview {
  /** Everybody of the audience. */
  readonly people: number;
  /** There are more people than were counted. */
  readonly isCountBound: boolean;
  /** So many were looked at one by one; the rest is not judged. */
  readonly judged: number;
  readonly willBeWritten: number;
  /** The part of them that waits for the end of quiet hours. */
  readonly later: number;
  readonly skipped: readonly { readonly reason: string; readonly people: number }[];
  readonly examples: readonly Example[];
  readonly template: { readonly status: string; readonly category: string };
  /** At most, at the campaign's price; null: no price is known. */
  readonly cost: { readonly currency: string; readonly most: number } | null;
  readonly perSecond: number;
}

export interface Example {
  readonly phone: string;
  readonly name: string | null;
  readonly language: string;
  /** As the person reads it: header, body, footer. */
  readonly text: string;
  /** Other values of the template: files, ends of addresses, codes. */
  readonly others: readonly { readonly key: string; readonly value: string }[];
}

/** A judgement takes some 50 µs of this process: half a second for all of them. */
const JUDGED = 10_000;
const COUNTED = 100_000;
const SLICE = 1_000;
const EXAMPLES = 3;

/** Throws what making the campaign would. Writes nothing, so what is true now can be another thing when the campaign begins. */
export async function previewCampaign(database: Executor, campaign: NewCampaign): Promise<CampaignPreview> {
  const template = await checkCampaign(database, campaign);
  const [company] = await database.execute<Company>({ text: COMPANY, params: [campaign.companyId] });
  const { country, companyZone, perSecond } = company as Company;
  const { companyId, needsConsent, parameters: sources, quietHours } = campaign;
  const templates = await readTemplates(database, template.id);
  const windows = quietHours && windowsOf(quietHours);
  const judged: Judged[] = [];
  const seen = new Set<string>();
  for await (const slice of slicesOf(database, campaign)) {
    const now = Date.now();
    const rows = slice.map((candidate) =>
      judge(candidate, { country, companyZone, needsConsent, sources }, templates, windows, now),
    );
    const refused = await refusedBy(database, { companyId, templateId: template.id, rows });
    for (const [place, row] of rows.entries()) judged.push(verdictOf(row, refused.get(place), seen));
  }
  const written = judged.filter(({ reason }) => reason === null);
  const { people, isCountBound } = await countOf(database, campaign, judged.length);
  return {
    people,
    isCountBound,
    judged: judged.length,
    willBeWritten: written.length,
    later: written.filter(({ isLater }) => isLater).length,
    skipped: reasonsIn(judged),
    examples: written.slice(0, EXAMPLES).map(({ row }) => exampleOf(row, templates)),
    template: { status: template.status, category: template.category },
    cost: costOf(campaign, template.category, written.length),
    perSecond,
  };
}

interface Company {
  country: string;
  companyZone: string;
  perSecond: number;
}

const COMPANY = `
select co.default_country as country, coalesce(s.time_zone, 'Asia/Dubai') as "companyZone",
       coalesce(s.whatsapp_per_second, 20) as "perSecond"
from companies co
left join company_settings s on s.company_id = co.id
where co.id = $1
`;

async function* slicesOf(
  database: Executor,
  { audience, companyId }: NewCampaign,
): AsyncGenerator<readonly Candidate[]> {
  if (audience.kind === 'list') {
    const people = audience.people.map(candidateOf);
    for (let from = 0; from < Math.min(people.length, JUDGED); from += SLICE) yield people.slice(from, from + SLICE);
    return;
  }
  for (let after = '0', read = 0; read < JUDGED; ) {
    const piece = { campaignId: '', companyId, audience, after, upTo: MAX_ID, limit: SLICE };
    const slice = await readAudience(database, piece);
    const last = slice.at(-1);
    if (last === undefined) return;
    yield slice;
    after = last.position;
    read += slice.length;
  }
}

type Listed = Extract<NewCampaign['audience'], { kind: 'list' }>['people'][number];

function candidateOf({ phone, name, language, timeZone, consented, fields }: Listed, place: number): Candidate {
  return {
    position: `${place + 1}`,
    phone,
    leadId: null,
    name: name ?? null,
    givenName: null,
    language: language ?? null,
    timeZone: timeZone ?? null,
    consented,
    fields,
  };
}

type Row = ReturnType<typeof judge>;

interface Judged {
  readonly row: Row;
  /** Null: the person is written to. */
  readonly reason: string | null;
  readonly isLater: boolean;
}

/** In the order of the plan: no number, a number that came before, what the message lacks, what the person refused. */
function verdictOf(row: Row, refused: string | undefined, seen: Set<string>): Judged {
  const isKnown = 'phone' in row && seen.has(row.phone);
  if ('phone' in row) seen.add(row.phone);
  const skip = 'skip' in row ? row.skip : null;
  const isLater = 'opensAtMs' in row && row.opensAtMs !== undefined && row.opensAtMs > Date.now();
  return { row, reason: isKnown ? 'duplicate' : (skip ?? refused ?? null), isLater };
}

/** Those who opted out, or whom WhatsApp could not reach lately, by their place. */
async function refusedBy(
  database: Executor,
  { companyId, templateId, rows }: { companyId: string; templateId: string; rows: readonly Row[] },
): Promise<Map<number, string>> {
  const asked = rows.flatMap((row, place) =>
    'phone' in row ? [{ place, phone: row.phone, language: row.language }] : [],
  );
  const refused = await database.execute<{ place: number; reason: string }>({
    text: REFUSED,
    params: [companyId, templateId, JSON.stringify(asked)],
  });
  return new Map(refused.map(({ place, reason }) => [place, reason]));
}

const REFUSED = `
with input as (
  select i.place, i.phone, $1::text as company_id, ${IS_MARKETING} as is_marketing
  from templates t
  cross join jsonb_to_recordset($3::jsonb) as i(place int, phone text, language text)
  where t.id = $2::bigint
), judged as (
  select place, case ${REFUSALS} end as reason from input i
)
select place, reason from judged where reason is not null
`;

async function countOf(
  database: Executor,
  { audience, companyId }: NewCampaign,
  judged: number,
): Promise<{ people: number; isCountBound: boolean }> {
  if (audience.kind === 'list') return { people: audience.people.length, isCountBound: false };
  if (judged < JUDGED) return { people: judged, isCountBound: false };
  const people = await countAudience(database, { companyId, audience, most: COUNTED + 1 });
  return { people: Math.min(people, COUNTED), isCountBound: people > COUNTED };
}

function reasonsIn(judged: readonly Judged[]): CampaignPreview['skipped'] {
  const counts = new Map<string, number>();
  for (const { reason } of judged) if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, people]) => ({ reason, people })).sort((a, b) => b.people - a.people);
}

function exampleOf(row: Row, { template, templates }: Templates): Example {
  const texts: Readonly<Record<string, string>> = 'parameters' in row ? row.parameters : {};
  const language = row.language !== null && Object.hasOwn(templates, row.language) ? row.language : template.language;
  const own = templates[language] ?? templates[template.language];
  const parts = (own?.components ?? []).flatMap(({ type, text }) => {
    const part = type.toUpperCase();
    return text !== undefined && (part === 'HEADER' || part === 'FOOTER') ? [[part, text] as const] : [];
  });
  const header = parts.filter(([part]) => part === 'HEADER').map(([, text]) => filledText(text, 'header', texts));
  const footer = parts.filter(([part]) => part === 'FOOTER').map(([, text]) => text);
  const body = filledText(own?.body ?? '', 'body', texts);
  const others = Object.entries(texts).filter(
    ([key]) => key.startsWith('button.') || (key.startsWith('header.') && header.length === 0),
  );
  return {
    phone: 'phone' in row ? row.phone : row.given,
    name: row.name,
    language,
    text: [...header, body, ...footer].join('\n\n'),
    others: others.map(([key, value]) => ({ key, value })),
  };
}

function costOf({ prices }: NewCampaign, category: string, people: number): CampaignPreview['cost'] {
  const price = prices?.[category.toLowerCase() as 'marketing' | 'utility' | 'authentication'];
  if (prices === undefined || price === undefined) return null;
  return { currency: prices.currency, most: Math.round(price * people * 100) / 100 };
}
