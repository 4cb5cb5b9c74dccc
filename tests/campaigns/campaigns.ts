/** Campaigns on a database of the test file's own: a company with a template and a number, drains, and what is left behind. */
import { expect, vi } from 'vitest';
import { resume } from '../../lib/campaigns/controls.ts';
import { createCampaign } from '../../lib/campaigns/create.ts';
import { type NewCampaign, newCampaign } from '../../lib/campaigns/request.ts';
import { readCampaign } from '../../lib/campaigns/status.ts';
import type { DrainOptions } from '../../packages/jobqueue/src/index.ts';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { freshDatabase } from '../support/database.ts';
import { startPhones, TOKEN } from './phones.ts';
import { campaignQueue } from './queue.ts';

export const COMPANY = 'acme';

export type Campaigns = Awaited<ReturnType<typeof startCampaigns>>;

/** On a database of its own. */
export async function startCampaigns() {
  const fresh = await freshDatabase();
  const database = connect(fresh.url);
  const its = await startCampaignsOn(database);
  return {
    ...its,
    url: fresh.url,
    async close() {
      await its.close();
      await database.close();
      await fresh.drop();
    },
  };
}

/** With a number that may send 1,000 a second unless a test says otherwise, and a template `offer` with one parameter. */
export async function startCampaignsOn(database: Database) {
  const phones = await startPhones();
  process.env.WHATSAPP_BASE_URL = phones.origin;
  const rows = <Row extends object>(text: string, ...params: unknown[]) => database.execute<Row>({ text, params });
  const queue = campaignQueue(database);
  const statusOf = async (id: string) => {
    const [found] = await rows<{ status: string }>('select status from campaigns where id = $1', id);
    return found ?? { status: 'unknown' };
  };
  async function drainUntilTrue(isEnough: () => Promise<boolean>, drains = 1): Promise<void> {
    const enough = new AbortController();
    const draining = Array.from({ length: drains }, async () => {
      while (!enough.signal.aborted) await campaignQueue(database).drain({ budgetMs: 60_000, signal: enough.signal });
    });
    await vi
      .waitFor(async () => expect(await isEnough()).toBe(true), { timeout: 20_000, interval: 20 })
      .catch(async (cause: unknown) => {
        throw new Error(`not so after 20 s: ${JSON.stringify(await standing(), null, 2)}`, { cause });
      })
      .finally(() => enough.abort());
    await Promise.all(draining);
  }

  /** Everything that a test that waited in vain has to tell. */
  const standing = async () => ({
    campaigns: await rows('select id, status, pause, failure from campaigns order by id desc limit 3'),
    recipients: await rows(
      'select campaign_id, status, error, count(*)::int from recipients group by 1, 2, 3 order by 1 desc limit 10',
    ),
    jobs: await rows('select * from jobqueue.jobs order by id desc limit 3'),
  });

  let made = 0;

  async function addCompany(companyId: string, settings: { perSecond?: number; dailyPeople?: number | null } = {}) {
    const { perSecond = 1_000, dailyPeople = null } = settings;
    await rows(
      `with company as (
         insert into companies (id, name) values ($1, $1) returning id
       ), settings as (
         insert into company_settings (company_id, whatsapp_phone_number_id, whatsapp_access_token, whatsapp_per_second, whatsapp_daily_people)
         select id, 'number-' || id, $2, $3::real, $4::int from company
       )
       insert into templates (company_id, name, language, category, status, body, parameters)
       select id, 'offer', 'en', 'MARKETING', 'APPROVED', 'Hello {{1}}', '[{"component": "body", "name": "1"}]' from company`,
      companyId,
      TOKEN,
      perSecond,
      dailyPeople,
    );
  }

  return {
    database,
    phones,
    queue,
    rows,
    addCompany,
    /** Answers its id. Without quiet hours, and to a list, unless `given` says otherwise. */
    async create(given: Partial<NewCampaign> & { people?: readonly object[] } = {}): Promise<string> {
      const { people = numbers(3).map((phone) => ({ phone })), ...rest } = given;
      const campaign = newCampaign.parse({
        companyId: COMPANY,
        name: 'Spring',
        template: { name: 'offer', language: 'en' },
        audience: { kind: 'list', people },
        parameters: { 'body.1': { field: 'name', fallback: 'there' } },
        quietHours: null,
        ...rest,
      });
      const id = rest.id ?? `campaign-${++made}`;
      await createCampaign(database, { ...campaign, id });
      return id;
    },
    /** Drains, `drains` at once, until the campaign has one of these statuses. */
    drainUntil: (id: string, statuses: string | readonly string[], drains = 1) =>
      drainUntilTrue(async () => [statuses].flat().includes((await statusOf(id)).status), drains),
    drainUntilTrue,
    /** Waits until all messages under way at a drain's stop are written: nothing is being sent any more. */
    settled: (id: string) =>
      vi.waitFor(
        async () =>
          expect(await rows("select from recipients where campaign_id = $1 and status = 'sending'", id)).toEqual([]),
        { timeout: 10_000, interval: 20 },
      ),
    drain: (options: DrainOptions = {}) => queue.drain({ budgetMs: 20_000, ...options }),
    read: async (id: string) => {
      const campaign = await readCampaign(database, id);
      if (campaign === null) throw new Error(`there is no campaign ${id}`);
      return campaign;
    },
    /** Status by phone. */
    async statuses(id: string): Promise<Record<string, string>> {
      const found = await rows<{ phone: string; status: string }>(
        'select coalesce(phone_e164, given) as phone, coalesce(skip_reason, status) as status from recipients where campaign_id = $1',
        id,
      );
      return Object.fromEntries(found.map(({ phone, status }) => [phone, status]));
    },
    resume: (id: string) => resume(database, id),
    /** Sends Meta's webhooks for every message that reached a phone. */
    async tell(id: string, status: 'sent' | 'delivered' | 'read' | 'failed', code?: number) {
      await rows(
        `select apply_statuses(company_id, jsonb_agg(jsonb_build_object('opaqueId', opaque_id, 'wamid', coalesce(wamid, 'wamid.' || id),
           'status', $2::text, 'atMs', extract(epoch from now()) * 1000, 'code', $3::int, 'error', 'told by a webhook',
           'billable', true, 'category', 'marketing', 'model', 'PMP')))
         from recipients where campaign_id = $1 and opaque_id = any(array(select jsonb_array_elements_text($4::jsonb)))
         group by company_id`,
        id,
        status,
        code ?? null,
        JSON.stringify(phones.deliveries.map(({ opaqueId }) => opaqueId)),
      );
    },
    /** The same, of one person. */
    tellOne: (id: string, phone: string, status: 'delivered' | 'failed', code?: number) =>
      rows(
        `select apply_statuses(company_id, jsonb_build_array(jsonb_build_object('opaqueId', opaque_id, 'wamid', wamid, 'status', $3::text,
           'atMs', extract(epoch from now()) * 1000, 'code', $4::int)))
         from recipients where campaign_id = $1 and phone_e164 = $2`,
        id,
        phone,
        status,
        code ?? null,
      ),
    /** The same, of all but those who are in a status now. */
    tellAllBut: (id: string, but: string, status: 'delivered') =>
      rows(
        `select apply_statuses(company_id, jsonb_agg(jsonb_build_object('opaqueId', opaque_id, 'wamid', wamid, 'status', $3::text,
           'atMs', extract(epoch from now()) * 1000)))
         from recipients where campaign_id = $1 and status <> $2 group by company_id`,
        id,
        but,
        status,
      ),
    /** Moves the row, not the clock: what waits is due. */
    makeDue: () => rows('update jobqueue.jobs set due_at = now() where lease_until is null'),
    close: () => phones.close(),
  };
}

/** Valid numbers of the Emirates. */
export function numbers(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, n) => `+97150${1_000_000 + from + n}`);
}
