/** Templates as the pages and the API show them: what Meta says of each, and when it was last asked. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Component } from './components.ts';
import type { Parameter } from './parameter.ts';

export interface TemplateView {
  readonly id: string;
  readonly companyId: string;
  readonly name: string;
  /** Meta's code, as in en_US. */
  readonly language: string;
  readonly category: 'MARKETING' | 'UTILITY' | 'AUTHENTICATION';
  readonly status: 'PENDING' | 'APPROVED' | 'REJECTED' | 'PAUSED' | 'DISABLED' | 'DELETED';
  /** Why it has this status; null: Meta gave no reason. */
  readonly statusReason: string | null;
  readonly quality: 'GREEN' | 'YELLOW' | 'RED' | 'UNKNOWN';
  readonly body: string;
  readonly format: 'POSITIONAL' | 'NAMED';
  readonly parameters: readonly Parameter[];
  /** As Meta lists them; null: never read from Meta. */
  readonly components: readonly Component[] | null;
  /** A part that campaigns cannot fill, in words; null: none. */
  readonly unsupported: string | null;
  /** ISO; null: never read from Meta. */
  readonly syncedAt: string | null;
}

export interface TemplatesPage {
  readonly templates: readonly TemplateView[];
  /** The id that the next page begins after; null if this is the last. */
  readonly next: string | null;
}

const PAGE = 50;
/** Meta allows an account 6,000. */
const MAX_LISTED = 6_000;

/** All of one company by name and language, those that Meta still has; `approvedOnly`: those that a campaign can send now. */
export function listTemplates(
  database: Executor,
  { companyId, approvedOnly = false }: { readonly companyId: string; readonly approvedOnly?: boolean },
): Promise<TemplateView[]> {
  return database.execute<TemplateView>({
    text: `${SELECT}
      where t.company_id = $1 and t.status <> 'DELETED' and (not $2::boolean or t.status = 'APPROVED' and t.unsupported is null)
      order by t.name, t.language
      limit ${MAX_LISTED}`,
    params: [companyId, approvedOnly],
  });
}

/** Those of all companies or of one, by name and language, 50 a page. `after`: the last id of the page before. */
export async function templatesPage(
  database: Executor,
  { companyId, after }: { readonly companyId?: string | undefined; readonly after?: string | undefined },
): Promise<TemplatesPage> {
  const found = await database.execute<TemplateView>({
    text: `${SELECT}
      left join templates last on last.id = $2::bigint
      where ($1::text is null or t.company_id = $1)
        and (last.id is null or (t.name, t.language, t.company_id) > (last.name, last.language, last.company_id))
      order by t.name, t.language, t.company_id
      limit $3::int`,
    params: [companyId ?? null, after ?? null, PAGE + 1],
  });
  const templates = found.slice(0, PAGE);
  return { templates, next: found.length > PAGE ? (templates.at(-1)?.id ?? null) : null };
}

const SELECT = `
select t.id::text as id, t.company_id as "companyId", t.name, t.language, t.category, t.status, t.status_reason as "statusReason",
       t.quality, t.body, t.parameter_format as format, t.parameters, t.components, t.unsupported,
       to_char(t.synced_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "syncedAt"
from templates t
`;
