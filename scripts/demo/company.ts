/** The company of the demo, with credentials of its own that only the stand-ins know: nobody real is ever written to in its name. */

import type { Executor } from '@conversure/jobqueue/postgres';
import { secretsKeys } from '../../lib/secrets/environment.ts';
import type { SecretField } from '../../lib/secrets/fields.ts';
import { sealSecret } from '../../lib/secrets/seal.ts';
import { TOUR_NUMBER_ID } from '../remote-systems.ts';
import { seedCompany } from '../seed/company.ts';
import type { Reached } from './systems.ts';

/** All runs are one company's: a second run meets the leads of the first. */
export const COMPANY = 'demo-tour';

/** Settings, prompts and templates; what people of an earlier run asked for, an opt-out for one, stays. */
export async function openCompany(
  database: Executor,
  { env, origins }: Reached,
  { secretsKey }: { secretsKey: string | undefined },
): Promise<void> {
  const keys = secretsKeys(secretsKey);
  const sealed = (field: SecretField, name: string) => sealSecret(field, COMPANY, env[name] ?? '', keys);
  await seedCompany(database, COMPANY, { leads: false });
  await database.execute({
    text: `
      with whatsapp as (
        update company_settings set whatsapp_phone_number_id = $2, whatsapp_access_token = $3 where company_id = $1
      ), ai as (
        update ai_settings set provider = 'openai', base_url = $7, api_key = $4, model = 'gpt-4o-mini' where company_id = $1
      ), paused as (
        delete from connections where company_id = $1
      )
      update crm_settings set webhook_url = $5, application_token = $6 where company_id = $1`,
    params: [
      COMPANY,
      TOUR_NUMBER_ID,
      sealed('whatsapp.accessToken', 'WHATSAPP_ACCESS_TOKEN'),
      sealed('ai.apiKey', 'OPENAI_API_KEY'),
      sealed('crm.webhookUrl', 'BITRIX24_WEBHOOK_URL'),
      sealed('crm.applicationToken', 'BITRIX24_APPLICATION_TOKEN'),
      `${origins.llm}/v1`,
    ],
  });
}

/** Its portal ends with the stand-in: nobody is to look for changes there. */
export async function closeCompany(database: Executor): Promise<void> {
  await database.execute({ text: 'delete from crm_settings where company_id = $1', params: [COMPANY] });
}
