/** The form that an account's model is asked in: the strictest, until its server has shown that it only knows a looser one. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { log } from '../../log.ts';
import type { AiAccount, Form } from '../../providers/ai.ts';

export async function readForm(database: Executor, companyId: string, account: AiAccount): Promise<Form> {
  const [row] = await database.execute<{ form: Form }>({
    text: `
      select form from ai_forms
      where company_id = $1 and provider = $2 and model = $3 and endpoint = $4 and learned_at > now() - interval '7 days'`,
    params: keyOf(companyId, account),
  });
  return row?.form ?? 'json_schema';
}

/** `reason`: what the server said of the stricter form, without keys. */
export async function learnForm(
  database: Executor,
  companyId: string,
  account: AiAccount,
  { form, reason }: { form: Form; reason: string },
): Promise<void> {
  await database.execute({
    text: `
      insert into ai_forms (company_id, provider, model, endpoint, form, reason) values ($1, $2, $3, $4, $5, $6)
      on conflict (company_id, provider, model, endpoint) do update
      set form = excluded.form, reason = excluded.reason, learned_at = now()`,
    params: [...keyOf(companyId, account), form, reason],
  });
  const { provider, model } = account;
  log.warn({ companyId, provider, model, form, reason }, 'ai_form_learned');
}

/** The URL without user and password. */
function keyOf(companyId: string, { provider, model, baseUrl }: AiAccount): string[] {
  return [companyId, provider, model, baseUrl.replace(/\/\/[^/@]*@/, '//')];
}
