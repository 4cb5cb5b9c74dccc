/** A campaign from its making to its report: whom it reaches, whom it leaves out, and why. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openCampaign } from '../../lib/campaigns/campaign-send/open.ts';
import { recipientsFile } from '../../lib/campaigns/recipients-file.ts';
import { applyStatuses } from '../../lib/messaging/statuses.ts';
import { StatusEvent } from '../../lib/providers/whatsapp/events.ts';
import { applyCategory } from '../../lib/templates/changes.ts';
import { atOnce } from '../support/at-once.ts';
import { emptied } from '../support/empty.ts';
import { type Campaigns, COMPANY, numbers, startCampaigns } from './campaigns.ts';

let its: Campaigns;
beforeAll(async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY);
});
afterAll(() => its.close());
beforeEach(() => its.phones.forget());

test('everybody gets the template once, filled in with what is theirs, and the campaign completes when Meta has told', async () => {
  const [first = '', second = '', third = ''] = numbers(3);
  const people = [{ phone: first, name: 'Ann' }, { phone: second, name: ' Bo\n Two ' }, { phone: third }];
  const id = await its.create({ people });
  await its.drainUntil(id, 'settling');
  expect(await its.statuses(id)).toEqual({ [first]: 'accepted', [second]: 'accepted', [third]: 'accepted' });
  expect(its.phones.deliveries.map(({ phone, texts }) => [phone, ...texts]).sort()).toEqual([
    [first, 'Ann'],
    [second, 'Bo Two'],
    [third, 'there'],
  ]);
  expect(await its.read(id)).toMatchObject({ status: 'settling', report: { planned: 3, accepted: 3 } });
  await its.tell(id, 'delivered');
  await its.drainUntil(id, 'completed');
  expect(await its.read(id)).toMatchObject({ status: 'completed', report: { planned: 3, delivered: 3 } });
  const [kept] = await its.rows<{ report: unknown }>('select report from campaigns where id = $1', id);
  expect(kept?.report).toMatchObject({ planned: 3, delivered: 3 });
  expect(await its.rows('select from campaign_entries')).toEqual([]); // personal data that nobody reads again
});

test('a person is written to in their language where the template is approved in it, else in the campaign’s', async () => {
  await its.rows(
    `insert into templates (company_id, name, language, category, status, body, parameters)
     select company_id, name, l.code, category, l.status, body, parameters
     from templates, (values ('ar', 'APPROVED'), ('fr', 'PENDING')) as l(code, status) where language = 'en'`,
  );
  const [ar = '', fr = '', none = ''] = numbers(3, 10);
  const id = await its.create({
    people: [{ phone: ar, language: 'ar' }, { phone: fr, language: 'fr' }, { phone: none }],
  });
  await its.drainUntil(id, 'settling');
  expect(Object.fromEntries(its.phones.deliveries.map(({ phone, language }) => [phone, language]))).toEqual({
    [ar]: 'ar',
    [fr]: 'en',
    [none]: 'en',
  });
});

test('named parameters and buttons are filled in where the template has them', async () => {
  const parameters = [
    { component: 'body', name: 'first_name' },
    { component: 'body', name: 'city' },
    { component: 'button', name: '1', index: 0 },
  ];
  await its.rows(
    `insert into templates (company_id, name, language, category, status, body, parameter_format, parameters)
     values ($1, 'visit', 'en', 'UTILITY', 'APPROVED', '', 'NAMED', $2::jsonb)`,
    COMPANY,
    JSON.stringify(parameters),
  );
  const people = [{ phone: numbers(1, 20)[0], name: 'Ann Lee', fields: { city: 'Dubai' } }];
  const id = await its.create({
    people,
    template: { name: 'visit', language: 'en' },
    parameters: {
      'body.first_name': { field: 'first_name' },
      'body.city': { field: 'city' },
      'button.0.1': { value: 'spring' },
    },
  });
  await its.drainUntil(id, 'settling');
  expect(its.phones.bodies.at(-1)).toMatchObject({
    template: {
      components: [
        {
          type: 'body',
          parameters: [
            { type: 'text', parameter_name: 'first_name', text: 'Ann' },
            { type: 'text', parameter_name: 'city', text: 'Dubai' },
          ],
        },
        { type: 'button', sub_type: 'url', index: '0', parameters: [{ type: 'text', text: 'spring' }] },
      ],
    },
  });
});

test('a name with commas, quotes and lines is one value of one person, in the template and in the file', async () => {
  const [phone = ''] = numbers(1, 30);
  const id = await its.create({ people: [{ phone, name: 'Lee, Ann "Annie"; Dr.' }] });
  await its.drainUntil(id, 'settling');
  expect(its.phones.deliveries.map(({ texts }) => texts)).toEqual([['Lee, Ann "Annie"; Dr.']]);
  const file = await new Response(await recipientsFile(its.database, id)).text();
  expect(file).toContain(`\n${phone},"Lee, Ann ""Annie""; Dr.",accepted,`);
});

describe('the audience', () => {
  test('of a list: a number counts once however it is written, and everybody left out has a row with the reason', async () => {
    const [good = '', out = '', alone = ''] = numbers(3, 100);
    await its.rows("insert into opt_outs (company_id, phone_e164, scope) values ($1, $2, 'marketing')", COMPANY, out);
    const local = good.replace('+971', '0');
    const id = await its.create({
      needsConsent: true,
      people: [
        { phone: good, consented: true, name: 'Ann' },
        { phone: local, consented: true, name: 'Ann again' },
        { phone: out, consented: true, name: 'Out' },
        { phone: '0501', consented: true, name: 'Short' },
        { phone: alone, name: 'Alone' },
        { phone: good, name: 'Ann unasked' },
      ],
    });
    await its.drainUntil(id, 'settling');
    const { report } = await its.read(id);
    expect(report).toMatchObject({
      planned: 6,
      accepted: 1,
      skipped: { total: 5, byReason: { duplicate: 2, opted_out: 1, invalid_phone: 1, no_consent: 1 } },
    });
    expect(its.phones.deliveries.map(({ phone, texts }) => [phone, ...texts])).toEqual([[good, 'Ann']]);
  });

  test('who lacks what the template needs is left out, not written to with a gap', async () => {
    const [ann = '', nameless = ''] = numbers(2, 200);
    const id = await its.create({
      people: [{ phone: ann, name: 'Ann' }, { phone: nameless }],
      parameters: { 'body.1': { field: 'name' } },
    });
    await its.drainUntil(id, 'settling');
    expect(await its.statuses(id)).toEqual({ [ann]: 'accepted', [nameless]: 'missing_parameter' });
  });

  test('of leads: by tags and source, frozen when planning begins, in slices that no second job doubles', async () => {
    await its.rows(
      `insert into leads (company_id, phone_e164, name, tags, source)
       select $1, '+97155' || (2000000 + n), 'Lead ' || n,
              case when n % 2 = 0 then '{vip,dubai}' else '{vip}' end::text[], case when n % 3 = 0 then 'web' else 'fair' end
       from generate_series(1, 1800) n`,
      COMPANY,
    );
    const id = await its.create({
      audience: { kind: 'leads', allTags: ['vip', 'dubai'], sources: ['web'], noTag: ['cold'] },
      shards: 2,
    });
    await its.drainUntil(id, 'settling', 2);
    expect((await its.read(id)).report).toMatchObject({ planned: 300, accepted: 300 });
    expect(new Set(its.phones.deliveries.map(({ phone }) => phone)).size).toBe(300);
    expect(its.phones.deliveries).toHaveLength(300);
  });

  test('is the same for a second job that opens the campaign at the same moment', async () => {
    await its.rows(`insert into leads (company_id, phone_e164, tags) values ($1, '+971559999999', '{twins}')`, COMPANY);
    const campaignId = await its.create({ audience: { kind: 'leads', allTags: ['twins'] } });
    const open = (executor: Executor) => openCampaign(executor, { campaignId });
    const [first, second] = await atOnce(its.database, open, open);
    expect(first?.planLimit).toMatch(/^\d+$/);
    expect(second).toMatchObject({ status: 'planning', planLimit: first?.planLimit });
  });

  test('who was found unreachable in the last month is not tried again', async () => {
    const [gone = '', there = ''] = numbers(2, 300);
    its.phones.refuse = (phone) => (phone === gone ? 131026 : null);
    const first = await its.create({ people: [{ phone: gone }, { phone: there }] });
    await its.drainUntil(first, 'settling');
    expect((await its.read(first)).report.failed.byCode).toEqual([
      { code: 131026, count: 1, meaning: 'the person cannot be reached by WhatsApp' },
    ]);
    const second = await its.create({ people: [{ phone: gone }, { phone: there }] });
    await its.drainUntil(second, 'settling');
    expect(await its.statuses(second)).toEqual({ [gone]: 'unreachable', [there]: 'accepted' });
  });
});

describe('at the moment of sending', () => {
  test('who opted out between plan and send is not written to', async () => {
    const [stays = '', leaves = ''] = numbers(2, 400);
    const id = await its.create({ people: [{ phone: stays }, { phone: leaves }] });
    await its.rows("update templates set status = 'PAUSED' where name = 'offer'");
    await its.drainUntil(id, 'paused');
    await its.rows('insert into opt_outs (company_id, phone_e164) values ($1, $2)', COMPANY, leaves);
    await its.rows("update templates set status = 'APPROVED' where name = 'offer' and language <> 'fr'");
    await its.resume(id);
    await its.drainUntil(id, 'settling');
    expect(await its.statuses(id)).toEqual({ [stays]: 'accepted', [leaves]: 'opted_out' });
    expect(its.phones.deliveries.map(({ phone }) => phone)).toEqual([stays]);
  });

  test('who said STOP under a WhatsApp id alone is not written to once the number is linked, before the plan and after it', async () => {
    const [before = '', after = ''] = numbers(2, 405);
    const stop = (user: string) => its.rows("select opt_out($1, null, $2, 'all', 'keyword', 'STOP')", COMPANY, user);
    const link = (userId: string, phone: string) =>
      its.rows('select learn_whatsapp_users($1, $2::jsonb)', COMPANY, JSON.stringify([{ userId, phone }]));
    await stop('AE.1');
    await stop('AE.2');
    await link('AE.1', before);
    const id = await its.create({ people: [{ phone: before }, { phone: after }] });
    await its.rows("update templates set status = 'PAUSED' where name = 'offer'");
    await its.drainUntil(id, 'paused');
    await link('AE.2', after);
    await its.rows("update templates set status = 'APPROVED' where name = 'offer' and language <> 'fr'");
    await its.resume(id);
    await its.drainUntil(id, 'completed'); // nobody was written to, so there is nothing to settle
    expect(await its.statuses(id)).toEqual({ [before]: 'opted_out', [after]: 'opted_out' });
    expect(its.phones.deliveries).toEqual([]);
  });

  test('a marketing opt-out keeps marketing away and lets a utility message through', async () => {
    const [person = ''] = numbers(1, 410);
    await its.rows(
      "insert into opt_outs (company_id, phone_e164, scope) values ($1, $2, 'marketing')",
      COMPANY,
      person,
    );
    await its.rows(
      `insert into templates (company_id, name, language, category, status, body)
       values ($1, 'receipt', 'en', 'UTILITY', 'APPROVED', 'Thanks')`,
      COMPANY,
    );
    const marketing = await its.create({ people: [{ phone: person }] });
    const utility = await its.create({
      people: [{ phone: person }],
      template: { name: 'receipt', language: 'en' },
      parameters: {},
    });
    await its.drainUntil(marketing, ['settling', 'completed']);
    await its.drainUntil(utility, 'settling');
    expect(its.phones.deliveries.map(({ template }) => template)).toEqual(['receipt']);
  });

  test('who had as many campaign messages as the cap allows is left out, whichever campaign they came from', async () => {
    const [person = '', other = ''] = numbers(2, 420);
    const first = await its.create({ people: [{ phone: person }] });
    await its.drainUntil(first, 'settling');
    const second = await its.create({ people: [{ phone: person }, { phone: other }], cap: { messages: 1, hours: 24 } });
    await its.drainUntil(second, 'settling');
    expect(await its.statuses(second)).toEqual({ [person]: 'frequency_cap', [other]: 'accepted' });
    await its.rows("update recipients set claimed_at = claimed_at - interval '25 hours'");
    const third = await its.create({ people: [{ phone: person }], cap: { messages: 1, hours: 24 } });
    await its.drainUntil(third, 'settling');
    expect(await its.statuses(third)).toEqual({ [person]: 'accepted' });
  });

  test('a template that wants other parameters than the campaign was planned with pauses it before anybody is called', async () => {
    const id = await its.create({ people: numbers(5, 430).map((phone) => ({ phone })) });
    await its.rows(
      'update templates set parameters = parameters || \'[{"component": "body", "name": "2"}]\' where name = \'offer\'',
    );
    await its.drainUntil(id, 'paused');
    expect(await its.read(id)).toMatchObject({ pause: { code: 'template_changed' }, report: { pending: 5 } });
    expect(its.phones.deliveries).toEqual([]);
    await its.rows('update templates set parameters = \'[{"component": "body", "name": "1"}]\' where name = \'offer\'');
    await its.resume(id);
    await its.drainUntil(id, 'settling');
    expect(its.phones.deliveries).toHaveLength(5);
  });

  test('who was not reached when the campaign expires is skipped', async () => {
    const id = await its.create({
      people: numbers(30, 440).map((phone) => ({ phone })),
      expiresAt: new Date().toISOString(),
    });
    await its.drainUntil(id, 'completed');
    expect(await its.read(id)).toMatchObject({ report: { skipped: { total: 30, byReason: { expired: 30 } } } });
    expect(its.phones.deliveries).toEqual([]);
  });
});

test('a campaign for later has its job for later, and plans nothing before', async () => {
  const scheduledAt = new Date(Date.now() + 3_600_000).toISOString();
  const id = await its.create({ scheduledAt });
  const [job] = await its.rows<{ due: string }>(
    "select to_char(due_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') as due from jobqueue.jobs where payload->>'campaignId' = $1",
    id,
  );
  expect(job?.due).toBe(scheduledAt);
  await its.makeDue(); // an operator's hand: it looks at its own time, and waits on
  await its.drain({ limit: 1 });
  expect(await its.read(id)).toMatchObject({ status: 'planning', startedAt: null });
  await its.rows('update campaigns set scheduled_at = now() where id = $1', id);
  await its.makeDue();
  await its.drainUntil(id, 'settling');
  expect(its.phones.deliveries).toHaveLength(3);
});

test('a job for one recipient sends to that one', async () => {
  const [one = '', two = ''] = numbers(2, 500);
  const id = await its.create({ people: [{ phone: one }, { phone: two }] });
  await its.rows("update templates set status = 'PAUSED' where name = 'offer'");
  await its.drainUntil(id, 'paused');
  await its.rows("update templates set status = 'APPROVED' where name = 'offer' and language <> 'fr'");
  await its.rows("update campaigns set status = 'running', pause = null, paused_at = null where id = $1", id); // without its job
  const [{ id: recipientId } = { id: '' }] = await its.rows<{ id: string }>(
    'select id::text as id from recipients where campaign_id = $1 and phone_e164 = $2',
    id,
    two,
  );
  await its.queue.addJob('campaign_send', { campaignId: id, recipientId });
  await its.drain({ limit: 1 });
  expect(its.phones.deliveries.map(({ phone }) => phone)).toEqual([two]);
  expect(await its.statuses(id)).toEqual({ [one]: 'pending', [two]: 'accepted' });
});

test('what Meta bills is told by pricing.type, and what it has not said is unknown and not free', async () => {
  const id = await its.create({
    people: numbers(8).map((phone) => ({ phone })),
    prices: { currency: 'USD', marketing: 0.04, utility: 0.01 },
  });
  await its.drainUntil(id, 'settling');
  const pricings: unknown[] = [
    { pricing_model: 'PMP', type: 'regular', category: 'marketing' }, // without the word that Meta retires
    { pricing_model: 'PMP', type: 'regular', category: 'utility', billable: false },
    { pricing_model: 'PMP', type: 'free_customer_service', category: 'utility', billable: true },
    { pricing_model: 'PMP', type: 'free_entry_point', category: 'marketing' },
    { pricing_model: 'CBP', billable: true, category: 'marketing' },
    { pricing_model: 'PMP', category: 'marketing' },
    { billable: 'perhaps', type: 7, category: null },
    undefined,
  ];
  const rows = await its.rows<{ opaque_id: string; wamid: string }>(
    'select opaque_id, wamid from recipients where campaign_id = $1 order by phone_e164',
    id,
  );
  const events = rows.map(({ opaque_id: opaqueId, wamid }, n) =>
    StatusEvent.parse({
      id: wamid,
      status: 'delivered',
      timestamp: '1790000000',
      biz_opaque_callback_data: opaqueId,
      pricing: pricings[n],
    }),
  );
  await applyStatuses(its.database, COMPANY, events);
  expect((await its.read(id)).report).toMatchObject({
    delivered: 8,
    cost: {
      currency: 'USD',
      total: 0.09,
      unknown: 3,
      byCategory: [
        { category: 'marketing', billed: 2, free: 1, unknown: 1, cost: 0.08 },
        { category: 'unknown', billed: 0, free: 0, unknown: 2, cost: 0 },
        { category: 'utility', billed: 1, free: 1, unknown: 0, cost: 0.01 },
      ],
    },
  });
});

test.each(['en', 'ar'])(
  'a template that became marketing (%s) after its people were planned respects the opt-out from marketing',
  async (language) => {
    const [stopped = '', other = ''] = numbers(2, 900);
    await its.rows(
      `insert into templates (company_id, name, language, category, status, body)
     select $1, 'notice', l, 'UTILITY', case l when 'en' then 'PENDING' else 'APPROVED' end, 'Hi' from unnest('{en,ar}'::text[]) l`,
      COMPANY,
    );
    await its.rows(
      "insert into opt_outs (company_id, phone_e164, scope, source) values ($1, $2, 'marketing', 'user_preferences')",
      COMPANY,
      stopped,
    );
    const people = [
      { phone: stopped, language: 'ar' },
      { phone: other, language: 'ar' },
    ];
    const id = await its.create({ template: { name: 'notice', language: 'en' }, parameters: {}, people });
    await its.drainUntil(id, 'paused'); // planned; its template waits for Meta
    expect(await its.statuses(id)).toEqual({ [stopped]: 'pending', [other]: 'pending' });
    await applyCategory(its.database, { companies: [COMPANY], name: 'notice', language }, 'MARKETING');
    await its.rows("update templates set status = 'APPROVED' where name = 'notice'");
    await its.resume(id);
    await its.drainUntil(id, 'settling');
    expect(await its.statuses(id)).toEqual({ [stopped]: 'opted_out', [other]: 'accepted' });
    await its.rows('delete from campaigns where id = $1', id);
    await its.rows("delete from templates where name = 'notice'");
    await its.rows(emptied('opt_outs'));
  },
);
