/** A company as it would look after its first week: settings, approved templates, leads with consent, a conversation. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { DEMO_BODIES, DEMO_TEMPLATE } from '../remote-systems.ts';

export interface Seeded {
  readonly leads: number;
  readonly templates: number;
}

/** Every insert leaves alone what is there. Numbers, keys and the portal come from the environment of the app. */
export async function seedCompany(database: Executor, companyId: string, { leads = true } = {}): Promise<Seeded> {
  const [row] = await database.execute<{ leads: number; templates: number }>({
    text: SEED,
    params: [companyId, DEMO_TEMPLATE, JSON.stringify(leads ? LEADS : []), JSON.stringify(DEMO_BODIES)],
  });
  return row as NonNullable<typeof row>;
}

/** Leads with numbers of ranges that no network assigns in this form, so no stranger is ever called. */
const LEADS = [
  { phone: '+971501230001', name: 'Amira Haddad', email: 'amira@example.com', source: 'Website', tags: ['viewing'] },
  { phone: '+971501230002', name: 'Omar Nasser', email: 'omar@example.com', source: 'Portal', tags: ['viewing'] },
  { phone: '+971501230003', name: 'Lena Fischer', email: 'lena@example.com', source: 'Referral', tags: ['investor'] },
  { phone: '+447400123004', name: 'James Okafor', email: 'james@example.com', source: 'Website', tags: ['investor'] },
];

const SEED = `
with company as (
  insert into companies (id, name, default_country) values ($1, 'Palm Residences (demo)', 'AE') on conflict (id) do nothing
), settings as (
  insert into company_settings (company_id, opt_out_confirmation)
  values ($1, 'You will hear no more from us. Write START to change your mind.')
  on conflict (company_id) do nothing
), ai as (
  insert into ai_settings (company_id, enabled, mode, auto_send_intents, daily_budget_usd)
  values ($1, true, 'pilot', '{greeting,question,viewing_request,property_search}', 5)
  on conflict (company_id) do nothing
), crm as (
  insert into crm_settings (company_id, imports_leads, sync_imports) values ($1, true, true) on conflict (company_id) do nothing
), made_templates as (
  insert into templates (company_id, name, language, category, status, body, parameters)
  select $1, $2, b.key, 'MARKETING', 'APPROVED', b.value, '[{"component": "body", "name": "1"}]'
  from jsonb_each_text($4::jsonb) as b
  on conflict (company_id, name, language) do nothing
  returning 1
), made_leads as (
  insert into leads (company_id, phone_e164, name, email, source, tags, consented_at)
  select $1, l.phone, l.name, l.email, l.source, array(select jsonb_array_elements_text(l.tags)), now()
  from jsonb_to_recordset($3::jsonb) as l(phone text, name text, email text, source text, tags jsonb)
  order by l.phone
  on conflict (company_id, phone_e164) do nothing
  returning 1
)
select (select count(*)::int from made_leads) as leads, (select count(*)::int from made_templates) as templates
`;
