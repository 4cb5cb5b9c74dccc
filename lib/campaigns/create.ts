/** Makes a campaign, its list and its jobs in one statement, so that nothing can be left in between. */
import { createHash } from 'node:crypto';
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import { valueFault } from '../templates/fill.ts';
import { keyOf, type Parameter } from '../templates/parameter.ts';
import { enqueue, jobTemplate } from './enqueued-jobs.ts';
import type { NewCampaign } from './request.ts';

export interface Created {
  readonly campaignId: string;
  readonly status: string;
}

/**
 * Throws 404 for an unknown template, 400 for one that is rejected, disabled, deleted or has parts that campaigns cannot fill, or whose
 * parameters are not all given as Meta takes them, and 409
 * if the id stands for another campaign. A template that waits for Meta's approval is no mistake: the campaign pauses for it.
 */
export async function createCampaign(
  database: Executor,
  campaign: NewCampaign & { readonly id: string },
): Promise<Created> {
  const template = await checkCampaign(database, campaign);
  const { audience, cap } = campaign;
  const { people, ...filter } = audience.kind === 'list' ? audience : { ...audience, people: [] };
  const sha256 = createHash('sha256').update(JSON.stringify(campaign)).digest('hex');
  const row = {
    ...campaign,
    audience: filter,
    templateId: template.id,
    sha256,
    capMessages: cap?.messages,
    capHours: cap?.hours,
  };
  const params = [JSON.stringify(row), JSON.stringify(people), jobTemplate()];
  const [created] = await database.execute<{ status: string }>({ text: CREATE, params });
  if (created) return { campaignId: campaign.id, status: created.status };
  const [same] = await database.execute<{ status: string }>({
    text: 'select status from campaigns where id = $1 and sha256 = $2',
    params: [campaign.id, sha256],
  });
  if (same) return { campaignId: campaign.id, status: same.status };
  throw new HttpError(409, 'campaign_exists', `The id ${campaign.id} is already used for another campaign.`);
}

/** The template, if the campaign can be made with it. Throws as `createCampaign` does. */
export async function checkCampaign(database: Executor, campaign: NewCampaign): Promise<KnownTemplate> {
  const template = await readTemplate(database, campaign);
  checkParameters(campaign, template.parameters);
  return template;
}

const UNUSABLE = ['REJECTED', 'DISABLED', 'DELETED'];

export interface KnownTemplate {
  readonly id: string;
  readonly status: string;
  readonly category: 'MARKETING' | 'UTILITY' | 'AUTHENTICATION';
  readonly parameters: readonly Parameter[];
  readonly unsupported: string | null;
}

async function readTemplate(database: Executor, { companyId, template }: NewCampaign): Promise<KnownTemplate> {
  const { name, language } = template;
  const [known] = await database.execute<KnownTemplate>({
    text: 'select id::text as id, status, category, parameters, unsupported from templates where company_id = $1 and name = $2 and language = $3',
    params: [companyId, name, language],
  });
  if (known === undefined)
    throw new HttpError(404, 'template_unknown', `Company ${companyId} has no template ${name} in ${language}.`);
  if (UNUSABLE.includes(known.status))
    throw new HttpError(
      400,
      'template_unusable',
      `Expected an approved template, got one that is ${known.status.toLowerCase()}.`,
    );
  if (known.unsupported !== null)
    throw new HttpError(
      400,
      'template_unusable',
      `The template has ${known.unsupported}, which campaigns cannot fill.`,
    );
  return known;
}

/** Both ways: a gap that nothing fills would be refused by Meta, a text that fills no gap is a slip of the pen. */
function checkParameters({ parameters }: NewCampaign, wanted: readonly Parameter[]): void {
  const keys = new Set(wanted.map(keyOf));
  const missing = wanted.filter((one) => !one.optional && !Object.hasOwn(parameters, keyOf(one))).map(keyOf);
  const unknown = Object.keys(parameters).filter((key) => !keys.has(key));
  const wrong = wanted.flatMap((one) => {
    const source = parameters[keyOf(one)];
    const given = source && ('value' in source ? source.value : source.fallback);
    const fault = given === undefined ? null : valueFault(one, given.replace(/\s+/g, ' ').trim());
    return fault === null ? [] : [{ path: `parameters.${keyOf(one)}`, message: fault }];
  });
  if (missing.length === 0 && unknown.length === 0 && wrong.length === 0) return;
  throw new HttpError(400, 'parameters_invalid', 'The parameters are not those of the template.', [
    ...missing.map((key) => ({
      path: `parameters.${key}`,
      message: 'the template has it, the campaign does not fill it',
    })),
    ...unknown.map((key) => ({ path: `parameters.${key}`, message: 'the template has no such parameter' })),
    ...wrong,
  ]);
}

const CREATE = `
with given as (
  select * from jsonb_to_record($1::jsonb) as g(id text, "companyId" text, name text, "templateId" bigint, sha256 text, audience jsonb,
    parameters jsonb, "quietHours" jsonb, "scheduledAt" timestamptz, "expiresAt" timestamptz, "resendUnknown" boolean,
    "needsConsent" boolean, "capMessages" int, "capHours" int, "failureRatio" real, "failureSample" int, shards int,
    prices jsonb, draft boolean)
), created as (
  insert into campaigns (id, company_id, name, template_id, status, sha256, audience, parameters, quiet_hours, scheduled_at,
    expires_at, resend_unknown, needs_consent, cap_messages, cap_hours, failure_ratio, failure_sample, shards, prices)
  select id, "companyId", name, "templateId", case when draft then 'draft' else 'planning' end, sha256, audience, parameters,
         nullif("quietHours", 'null'), "scheduledAt", "expiresAt", "resendUnknown", "needsConsent", "capMessages", "capHours",
         "failureRatio", "failureSample", shards, coalesce(prices, '{}')
  from given
  on conflict (id) do nothing
  returning *
), listed as (
  insert into campaign_entries (campaign_id, n, phone, name, language, time_zone, consented, parameters)
  select created.id, p.n, p.person->>'phone', p.person->>'name', p.person->>'language', p.person->>'timeZone',
         (p.person->>'consented')::boolean, p.person->'fields'
  from created
  cross join jsonb_array_elements($2::jsonb) with ordinality as p(person, n)
), started as (
  select * from created where status = 'planning'
), enqueued as (${enqueue('$3')}
)
select status, (select count(*) from enqueued) as jobs from created
`;
