/** The company of the demo, with credentials of its own that only the stand-ins know: nobody real is ever written to in its name. */
import type { Executor } from '../../db/client.ts';
import { TOUR_NUMBER_ID } from '../remoteSystems.ts';
import { seedCompany } from '../seed/company.ts';
import type { Reached } from './systems.ts';

/** All runs are one company's: a second run meets the leads of the first. */
export const COMPANY = 'demo-tour';

/** Settings, prompts and templates; what people of an earlier run asked for, an opt-out for one, stays. */
export async function openCompany(database: Executor, { env, origins }: Reached): Promise<void> {
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
      env.WHATSAPP_ACCESS_TOKEN,
      env.OPENAI_API_KEY,
      env.BITRIX24_WEBHOOK_URL,
      env.BITRIX24_APPLICATION_TOKEN,
      `${origins.llm}/v1`,
    ],
  });
}

/** Its portal ends with the stand-in: nobody is to look for changes there. */
export async function closeCompany(database: Executor): Promise<void> {
  await database.execute({ text: 'delete from crm_settings where company_id = $1', params: [COMPANY] });
}
