/** Applies Meta's webhooks about one template (status, category, quality) to every company of the account. */
import type { Executor } from '@conversure/jobqueue/postgres';

/** The template that the event names, of these companies. */
export interface Named {
  readonly companies: readonly string[];
  readonly name: string;
  readonly language: string;
}

const STATUSES: Readonly<Record<string, string>> = {
  APPROVED: 'APPROVED',
  REINSTATED: 'APPROVED',
  FLAGGED: 'APPROVED', // it may still be sent
  LOCKED: 'APPROVED', // it cannot be edited
  PENDING: 'PENDING',
  IN_APPEAL: 'REJECTED',
  REJECTED: 'REJECTED',
  PAUSED: 'PAUSED',
  DISABLED: 'DISABLED',
  LIMIT_EXCEEDED: 'DISABLED',
  ARCHIVED: 'DISABLED',
  PENDING_DELETION: 'DELETED',
  DELETED: 'DELETED',
};

/** Ours for Meta's word; null for one that nobody knows. */
export function statusOf(word: string): string | null {
  return STATUSES[word.toUpperCase()] ?? null;
}

/** A category that nobody knows counts as marketing: people who stopped marketing are left alone. */
export function categoryOf(word: string): 'MARKETING' | 'UTILITY' | 'AUTHENTICATION' {
  const category = word.toUpperCase();
  return category === 'UTILITY' || category === 'AUTHENTICATION' ? category : 'MARKETING';
}

export function qualityOf(word: string): 'GREEN' | 'YELLOW' | 'RED' | 'UNKNOWN' {
  const quality = word.toUpperCase();
  return quality === 'GREEN' || quality === 'YELLOW' || quality === 'RED' ? quality : 'UNKNOWN';
}

/** SQL: pauses the campaigns of those templates in the CTE `changed` (id, status, status_reason) that may no longer be sent. */
export function pausing(changed: string): string {
  return `
        update campaigns c
        set status = 'paused', paused_at = now(), paused_until = null,
            pause = jsonb_build_object('code', 'template_' || lower(t.status),
              'message', 'the template is ' || lower(t.status) || ' at Meta' || coalesce(': ' || t.status_reason, ''))
        from ${changed} t
        where c.template_id = t.id and c.status in ('planning', 'running') and t.status not in ('APPROVED', 'PENDING')`;
}

/** Answers how many templates are known by that name. One that may no longer be sent pauses the campaigns that send it. */
export async function applyStatus(
  database: Executor,
  { companies, name, language }: Named,
  { status, reason }: { readonly status: string; readonly reason: string | null },
): Promise<number> {
  const rows = await database.execute({
    text: `
      with changed as (
        update templates set status = $4, status_reason = $5, updated_at = now()
        where company_id = any(array(select jsonb_array_elements_text($1::jsonb))) and name = $2 and language = $3
        returning id, status, status_reason
      ), paused as (${pausing('changed')}
      )
      select id from changed`,
    params: [JSON.stringify(companies), name, language, status, reason?.slice(0, 500) ?? null],
  });
  return rows.length;
}

/** Sets the category. From the next claim on, also in running campaigns, it decides if the opt-out from marketing applies. */
export function applyCategory(database: Executor, named: Named, category: string): Promise<number> {
  return change(database, named, 'category', categoryOf(category));
}

export function applyQuality(database: Executor, named: Named, quality: string): Promise<number> {
  return change(database, named, 'quality', qualityOf(quality));
}

async function change(
  database: Executor,
  { companies, name, language }: Named,
  column: 'category' | 'quality',
  value: string,
): Promise<number> {
  const rows = await database.execute({
    text: `
      update templates set ${column} = $4, updated_at = now()
      where company_id = any(array(select jsonb_array_elements_text($1::jsonb))) and name = $2 and language = $3
      returning 1`,
    params: [JSON.stringify(companies), name, language, value],
  });
  return rows.length;
}
