/** Companies and their settings as people may see them: of a secret only that it is set, since when and by whom. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { PROVIDERS, type Provider } from '../connections/provider.ts';
import { columnOf, SECTION_NAMES, type Section, type SectionName, sectionOf } from './sections.ts';
import type { Values } from './setting.ts';

export interface CompanySummary {
  readonly id: string;
  readonly name: string;
  readonly country: string;
  readonly timeZone: string;
  readonly phoneNumberId: string | null;
  /** Connections that wait for an operator. */
  readonly paused: readonly Provider[];
}

export interface CompaniesPage {
  readonly companies: readonly CompanySummary[];
  /** The id that the next page begins after; null if this is the last. */
  readonly next: string | null;
}

const PAGE = 50;

/** Sorted by id, 50 a page; `search` is a part of the id or the name. */
export async function companiesPage(
  database: Executor,
  { search, after }: { readonly search?: string | undefined; readonly after?: string | undefined },
): Promise<CompaniesPage> {
  const found = await database.execute<CompanySummary>({
    text: `
      select co.id, co.name, co.default_country as country, coalesce(s.time_zone, 'Asia/Dubai') as "timeZone",
             s.whatsapp_phone_number_id as "phoneNumberId",
             (select coalesce(jsonb_agg(c.provider order by c.provider), '[]') from connections c
              where c.company_id = co.id and c.paused_at is not null) as paused
      from companies co
      left join company_settings s on s.company_id = co.id
      where co.id > $1 and ($2::text is null or strpos(lower(co.id || ' ' || co.name), lower($2)) > 0)
      order by co.id
      limit $3::int`,
    params: [after ?? '', search ?? null, PAGE + 1],
  });
  const companies = found.slice(0, PAGE);
  return { companies, next: found.length > PAGE ? (companies.at(-1)?.id ?? null) : null };
}

export interface SecretView {
  readonly isSet: boolean;
  readonly changedAt: string | null;
  readonly changedBy: string | null;
}

export interface SectionView {
  readonly values: Values;
  readonly secrets: Readonly<Record<string, SecretView>>;
}

export interface ConnectionView {
  readonly provider: Provider;
  readonly pausedAt: string | null;
  readonly code: string | null;
  readonly reason: string | null;
  /** Calls without answer in a row, and since when. */
  readonly failures: number;
  readonly failingSince: string | null;
}

export interface CompanyView {
  readonly id: string;
  readonly createdAt: string;
  readonly sections: Readonly<Record<SectionName, SectionView>>;
  readonly connections: readonly ConnectionView[];
}

/** Null if there is no such company. */
export async function readCompany(database: Executor, companyId: string): Promise<CompanyView | null> {
  const [row] = await database.execute<Row>({ text: READ, params: [companyId] });
  if (row === undefined) return null;
  const { id, createdAt, sections, changes, connections } = row;
  const views = SECTION_NAMES.map((name): [SectionName, SectionView] => {
    const { values, set } = sections[name];
    const { settings } = sectionOf(name);
    const secrets = Object.entries(sectionOf(name).secrets).map(([key, { field }]) => [
      key,
      { isSet: set[key] === true, changedAt: changes[field]?.at ?? null, changedBy: changes[field]?.by ?? null },
    ]);
    return [name, { values: values ?? initialsOf(settings), secrets: Object.fromEntries(secrets) }];
  });
  return {
    id,
    createdAt,
    sections: Object.fromEntries(views) as Record<SectionName, SectionView>,
    connections: PROVIDERS.map((provider) => connections[provider] ?? { ...RUNNING, provider }),
  };
}

function initialsOf(settings: Section['settings']): Values {
  return Object.fromEntries(Object.entries(settings).map(([key, { initial }]) => [key, initial]));
}

const RUNNING = { pausedAt: null, code: null, reason: null, failures: 0, failingSince: null };

interface Row {
  id: string;
  createdAt: string;
  sections: Record<SectionName, { values: Values | null; set: Record<string, boolean> }>;
  changes: Record<string, { at: string; by: string }>;
  connections: Partial<Record<Provider, ConnectionView>>;
}

/** SQL of a section's values as JSON; `row` is the alias of its table. */
export function valuesOf(name: SectionName, row: string): string {
  const pairs = Object.entries(sectionOf(name).settings).map(([key, { column }]) => `'${key}', ${row}.${column}`);
  return `jsonb_build_object(${pairs.join(', ')})`;
}

function setOf(name: SectionName, row: string): string {
  const pairs = Object.entries(sectionOf(name).secrets).map(
    ([key, secret]) => `'${key}', ${row}.${columnOf(secret)} is not null`,
  );
  return `jsonb_build_object(${pairs.join(', ')})`;
}

/** The alias of each table, and a column that is null where the company has no row in it. */
const ROWS = {
  companies: ['co', 'co.id'],
  company_settings: ['s', 's.company_id'],
  crm_settings: ['crm', 'crm.company_id'],
  ai_settings: ['ai', 'ai.company_id'],
} as const;

const READ = `
select co.id, to_json(co.created_at) #>> '{}' as "createdAt",
       jsonb_build_object(${SECTION_NAMES.map((name) => {
         const [row, id] = ROWS[sectionOf(name).table];
         const values = `case when ${id} is not null then ${valuesOf(name, row)} end`;
         return `'${name}', jsonb_build_object('values', ${values}, 'set', ${setOf(name, row)})`;
       }).join(', ')}) as sections,
       (select coalesce(jsonb_object_agg(field, jsonb_build_object('at', changed_at, 'by', changed_by)), '{}')
        from secret_changes where company_id = co.id) as changes,
       (select coalesce(jsonb_object_agg(provider, jsonb_build_object('provider', provider, 'pausedAt', paused_at, 'code', paused_code,
                 'reason', paused_reason, 'failures', failures, 'failingSince', failing_since)), '{}')
        from connections where company_id = co.id) as connections
from companies co
left join company_settings s on s.company_id = co.id
left join crm_settings crm on crm.company_id = co.id
left join ai_settings ai on ai.company_id = co.id
where co.id = $1
`;
