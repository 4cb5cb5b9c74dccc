/** Whose webhooks these are: the company that the number belongs to. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { whatsAppEnvironment } from '../providers/whatsapp/environment.ts';

export interface Addressee {
  readonly companyId: string;
  /** The company's own, beside the words that always count. */
  readonly optOutKeywords: readonly string[];
}

/** Nobody's, or nobody knows whose: what an operator has to do, in words. */
export interface Unaddressed {
  readonly mend: string;
}

/**
 * The company that owns the number. The deployment's number belongs to the one company without its own; with several such
 * companies the owner is unknown.
 */
export async function companyOfNumber(database: Executor, phoneNumberId: string): Promise<Addressee | Unaddressed> {
  const isDefault = whatsAppEnvironment().phoneNumberId === phoneNumberId;
  const rows = await database.execute<{
    company_id: string;
    is_own: boolean;
    keywords: string[] | null;
    candidates: number;
  }>({
    text: `
      select c.id as company_id, s.whatsapp_phone_number_id is not null as is_own, to_json(s.opt_out_keywords) as keywords,
             count(*) over ()::int as candidates
      from companies c
      left join company_settings s on s.company_id = c.id
      where s.whatsapp_phone_number_id = $1 or ($2::boolean and s.whatsapp_phone_number_id is null)
      order by is_own desc
      limit 1`,
    params: [phoneNumberId, isDefault],
  });
  const [first] = rows;
  if (first === undefined)
    return {
      mend: isDefault
        ? `the WhatsApp number ${phoneNumberId} is the deployment's, and every company has a number of its own: set it as that of its company`
        : `no company has the WhatsApp number ${phoneNumberId}: set it as that of its company`,
    };
  if (!first.is_own && first.candidates > 1)
    return {
      mend: `the WhatsApp number ${phoneNumberId} is the deployment's, and ${first.candidates} companies have no number of their own: give each its number`,
    };
  return { companyId: first.company_id, optOutKeywords: first.keywords ?? [] };
}

/** More companies than these do not share one account. */
const MOST_OF_ACCOUNT = 1_000;

/** Found by the WhatsApp business account, which events of templates and accounts name: all that have it, or that use the deployment's number. */
export async function companiesOfAccount(database: Executor, accountId: string): Promise<readonly string[]> {
  const rows = await database.execute<{ company_id: string }>({
    text: `
      select c.id as company_id
      from companies c
      left join company_settings s on s.company_id = c.id
      where s.whatsapp_account_id = $1
        or ($2::boolean and s.whatsapp_account_id is null and s.whatsapp_phone_number_id is null)
      order by c.id
      limit ${MOST_OF_ACCOUNT}`,
    params: [accountId, whatsAppEnvironment().accountId === accountId],
  });
  return rows.map(({ company_id: companyId }) => companyId);
}
