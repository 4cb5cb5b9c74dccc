/** The statements of a sync: which account is next, what a page of Meta's list changes, and what Meta has no longer. */

import { storableJson } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import type { ListedTemplate } from '../providers/whatsapp/templates.ts';
import { categoryOf, pausing, qualityOf, statusOf } from './changes.ts';
import { gapsOf, namesIn, textOf } from './components.ts';

export interface DueAccount {
  readonly accountId: string;
  /** One of its companies, whose token asks. */
  readonly companyId: string;
  /** The database's clock at the beginning: what was seen before it was not seen by this sync. */
  readonly startedMs: number;
}

/**
 * The next account behind `after`, in the order of their ids; null: that was the last. `companyId`: only the account of this company,
 * whenever it was asked last. Without, those that were never asked, or not for `everyMs`. `own` is the deployment's account: that of the
 * companies without a number and an account of their own.
 */
export async function nextAccount(
  database: Executor,
  { own, companyId, after, everyMs }: { own: string | null; companyId: string | null; after: string; everyMs: number },
): Promise<DueAccount | null> {
  const [row] = await database.execute<DueAccount>({
    text: `
      with accounts as (
        select coalesce(s.whatsapp_account_id, case when s.whatsapp_phone_number_id is null then $1 end) as id, min(c.id) as company_id
        from companies c
        left join company_settings s on s.company_id = c.id
        where $2::text is null or c.id = $2
        group by 1
      )
      select a.id as "accountId", a.company_id as "companyId", (extract(epoch from now()) * 1000)::float8 as "startedMs"
      from accounts a
      left join template_syncs t on t.account_id = a.id
      where a.id > $3
        and ($2::text is not null or t.attempted_at is null or t.attempted_at < now() - $4::float8 * interval '1 ms')
      order by a.id
      limit 1`,
    params: [own, companyId, after, everyMs],
  });
  return row ?? null;
}

export async function beginSync(database: Executor, accountId: string): Promise<void> {
  await database.execute({
    text: `
      insert into template_syncs (account_id) values ($1)
      on conflict (account_id) do update set attempted_at = now()`,
    params: [accountId],
  });
}

const NAME = /^[a-z0-9_]{1,512}$/;
const LANGUAGE = /^[a-z]{2,3}(_[A-Z]{2})?$/;

/**
 * Stores a page for all companies of the account; answers how many of its templates no campaign could name, which are left out. A
 * status that nobody knows cannot be sent. A template that may no longer be sent pauses the campaigns that send it.
 */
export async function storePage(
  database: Executor,
  companies: readonly string[],
  listed: readonly ListedTemplate[],
): Promise<{ readonly strange: number }> {
  const rows = listed.filter(({ name, language }) => NAME.test(name) && LANGUAGE.test(language)).map(rowOf);
  await database.execute({
    text: `
      with given as (
        select * from jsonb_to_recordset($2::jsonb) as g(name text, language text, category text, status text, reason text, quality text,
          body text, format text, parameters jsonb, components jsonb, unsupported text)
      ), stored as (
        insert into templates as t (company_id, name, language, category, status, status_reason, quality, body, parameter_format,
          parameters, components, unsupported, synced_at)
        select c, g.name, g.language, g.category, g.status, g.reason, g.quality, g.body, g.format, g.parameters, g.components,
               g.unsupported, now()
        from jsonb_array_elements_text($1::jsonb) as c
        cross join given g
        order by 1, 2, 3
        on conflict (company_id, name, language) do update
        set category = excluded.category, status = excluded.status, quality = excluded.quality, body = excluded.body,
            status_reason = case when t.status = excluded.status then coalesce(excluded.status_reason, t.status_reason)
                                 else excluded.status_reason end,
            parameter_format = excluded.parameter_format, parameters = excluded.parameters, components = excluded.components,
            unsupported = excluded.unsupported, synced_at = excluded.synced_at, updated_at = now()
        returning t.id, t.status, t.status_reason
      ), paused as (${pausing('stored')}
      )
      select count(*) from stored`,
    params: [JSON.stringify(companies), storableJson(rows)],
  });
  return { strange: listed.length - rows.length };
}

function rowOf({ name, language, status, category, components, ...listed }: ListedTemplate) {
  const { parameters, unsupported } = gapsOf(components);
  const body = textOf(components, 'BODY');
  const known = statusOf(status);
  const reason = listed.rejected_reason;
  const hasNames = [body, textOf(components, 'HEADER')].flatMap(namesIn).some((gap) => !/^\d+$/.test(gap));
  return {
    name,
    language,
    category: categoryOf(category),
    status: known ?? 'DISABLED',
    reason: known === null ? status.slice(0, 100) : reason && reason !== 'NONE' ? reason.slice(0, 500) : null,
    quality: qualityOf(listed.quality_score?.score ?? ''),
    body,
    format:
      (listed.parameter_format?.toUpperCase() ?? (hasNames ? 'NAMED' : 'POSITIONAL')) === 'NAMED'
        ? 'NAMED'
        : 'POSITIONAL',
    parameters,
    components,
    unsupported,
  };
}

/**
 * After the last page: templates that Meta did not list are gone. Those of campaigns stay as DELETED, because reports and conversations
 * name them, and pause the campaigns that send them. Answers how many are gone.
 */
export async function endSync(
  database: Executor,
  companies: readonly string[],
  { accountId, startedMs, templates }: { accountId: string; startedMs: number; templates: number },
): Promise<number> {
  const [row] = await database.execute<{ gone: number }>({
    text: `
      with gone as (
        select t.id, exists (select from campaigns c where c.template_id = t.id) as is_used
        from templates t
        where t.company_id = any(array(select jsonb_array_elements_text($1::jsonb))) and t.status <> 'DELETED'
          and coalesce(t.synced_at, t.created_at) < to_timestamp($2::float8 / 1000)
        order by t.id
        for update
      ), deleted as (
        delete from templates t using gone where t.id = gone.id and not gone.is_used
      ), kept as (
        update templates t set status = 'DELETED', status_reason = null, updated_at = now()
        from gone where t.id = gone.id and gone.is_used
        returning t.id, t.status, t.status_reason
      ), paused as (${pausing('kept')}
      ), noted as (
        update template_syncs set synced_at = now(), templates = $4::int, error = null where account_id = $3
      )
      select count(*)::int as gone from gone`,
    params: [JSON.stringify(companies), startedMs, accountId, templates],
  });
  return row?.gone ?? 0;
}

/** Why the account could not be read: shown beside its templates. */
export async function failSync(database: Executor, accountId: string, error: string): Promise<void> {
  await database.execute({
    text: 'update template_syncs set error = $2 where account_id = $1',
    params: [accountId, error.slice(0, 500)],
  });
}
