/** The WhatsApp business accounts of companies, and how the last look at each ended. */
import type { Executor } from '@conversure/jobqueue/postgres';

export interface AccountView {
  readonly accountId: string;
  readonly companyId: string;
  /** Templates that Meta listed the last time; null: never. */
  readonly templates: number | null;
  /** ISO; null: no look has come to its end. */
  readonly syncedAt: string | null;
  /** Why the last look did not; null: it did, or there was none. */
  readonly error: string | null;
}

const LISTED = 50;

/** Those of all companies or of one, those with an error first; 50 at most. `own`: the deployment's account. */
export function listAccounts(
  database: Executor,
  { own, companyId }: { readonly own: string | null; readonly companyId?: string | undefined },
): Promise<AccountView[]> {
  return database.execute<AccountView>({
    text: `
      select a.account_id as "accountId", a.company_id as "companyId", t.templates, t.error,
             to_char(t.synced_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "syncedAt"
      from (
        select coalesce(s.whatsapp_account_id, case when s.whatsapp_phone_number_id is null then $1 end) as account_id,
               c.id as company_id
        from companies c
        left join company_settings s on s.company_id = c.id
        where $2::text is null or c.id = $2
      ) a
      left join template_syncs t on t.account_id = a.account_id
      where a.account_id is not null
      order by t.error is null, a.company_id
      limit ${LISTED}`,
    params: [own, companyId ?? null],
  });
}
