/** The pages of campaigns, companies and opt-outs in a real browser: what they show, and each thing that can be done, to its effect. */
import pg from 'pg';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildApp, type RunningApp, startApp } from '../app/browser.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { takeTurns } from '../support/take-turns.ts';
import { CHROMIUM, launch, signIn, type Visit, violations, visit } from './chromium.ts';

const OPERATOR_SECRET = 'operator-secret-0123456789';
const VIEWER_SECRET = 'viewer-secret-0123456789';
const SKIPPED = CHROMIUM === null ? ', SKIPPED: no Chromium here; install Debian’s, or set CHROMIUM_PATH' : '';
/** Recipients of the running campaign, by status. */
const PEOPLE = { read: 4, delivered: 3, unconfirmed: 2, failed: 1, pending: 5, skipped: 1 } as const;
const ALL = Object.values(PEOPLE).reduce((a, b) => a + b, 0);

takeTurns();

describe.skipIf(CHROMIUM === null)(`campaigns, companies and opt-outs in a browser${SKIPPED}`, () => {
  let db: TestDatabase;
  let sql: pg.Client;
  let app: RunningApp;
  let browser: Browser;
  let ann: Visit;

  beforeAll(async () => {
    db = await freshDatabase();
    sql = new pg.Client(db.url);
    await sql.connect();
    await fillCampaigns(sql);
    await buildApp();
    app = await startApp({ DATABASE_URL: db.url, OPERATOR_SECRET, VIEWER_SECRET, SECRETS_KEY: 'a'.repeat(64) });
    browser = await launch();
    ann = await visit(browser, app.url);
    await signIn(ann.page, OPERATOR_SECRET);
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
    await sql?.end();
    await db?.drop();
  });

  const lastAudit = async () =>
    (await sql.query('select actor, action, details from jobqueue.audit_log order by id desc limit 1')).rows[0];
  const statusOf = async (id: string) =>
    (await sql.query('select status from campaigns where id = $1', [id])).rows[0]?.status;

  describe.each([
    ['light', { colorScheme: 'light', viewport: { width: 1280, height: 900 } }],
    [
      'dark, on a phone',
      { colorScheme: 'dark', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
    ],
  ] as const)('%s', (_, look) => {
    let visitor: Visit;

    beforeAll(async () => {
      visitor = await visit(browser, app.url, look);
      await signIn(visitor.page, OPERATOR_SECRET);
    });

    afterAll(() => visitor?.context.close());

    test.each([
      '/campaigns',
      '/campaigns/spring-2026',
      '/campaigns/spring-2026?do=cancel',
      '/campaigns/new',
      '/campaigns/new?company=acme',
      '/campaigns/new?company=acme&template=gift/en',
      '/companies?do=create',
      '/companies/acme',
      '/companies/acme?edit=model',
      '/opt-outs',
      '/opt-outs?do=add',
      '/templates',
      '/opt-outs?lift=1',
    ])('%s is readable, within the screen, and without complaints', async (path) => {
      const { page, complaints } = visitor;
      await page.goto(path);
      await page.getByRole('heading').first().waitFor();
      expect(await violations(page)).toEqual([]);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).toBeLessThanOrEqual(0);
      expect(complaints).toEqual([]);
    });
  });

  test('templates show what Meta says of them, and are asked for at once', async () => {
    const { page } = ann;
    await page.goto('/templates?company=acme');
    const offer = page.getByRole('row', { name: /visit/ });
    for (const words of [
      'paused',
      'paused for 3 hours',
      'low',
      'utility',
      'Oi {{first_name}}',
      'header.image',
      'a button of the kind FLOW',
    ])
      await offer.getByText(words).first().waitFor();
    await page.getByText('the account is restricted').waitFor();
    await page.getByRole('button', { name: 'Sync now: the templates of acme' }).click();
    await page.getByText('are being read from Meta').waitFor();
    expect(await lastAudit()).toMatchObject({ actor: 'ann', action: 'templates_sync', details: { companyId: 'acme' } });
    const { rows } = await sql.query(
      "select payload from jobqueue.live_jobs where type = 'template_sync' union all select payload from jobqueue.finished_jobs where type = 'template_sync'",
    );
    expect(rows).toEqual([{ payload: { companyId: 'acme' } }]);
    await page.goto('/campaigns/spring-2026');
    await page.getByRole('link', { name: 'offer, en' }).click();
    await page.waitForURL('**/templates?company=acme');
    const viewer = await visit(browser, app.url);
    await signIn(viewer.page, VIEWER_SECRET, 'vera');
    await viewer.page.goto('/templates');
    await viewer.page.getByRole('heading', { name: 'Templates' }).waitFor();
    expect(await viewer.page.getByRole('button', { name: /Sync/ }).count()).toBe(0);
    await viewer.context.close();
  });

  test('the list shows the newest first, page by page, and one company alone', async () => {
    const { page } = ann;
    await page.goto('/campaigns');
    const names = page.getByRole('rowheader');
    expect(await names.count()).toBe(50);
    expect(await names.first().textContent()).toBe('Spring');
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.waitForURL('**after=**');
    expect(await names.count()).toBe(12);
    await page.getByLabel('Company').fill('acme');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL('**company=acme**');
    expect(await names.allTextContents()).toEqual(['Spring']);
  });

  test('the report adds up to the audience, and its file names everybody', async () => {
    const { page } = ann;
    await page.goto('/campaigns/spring-2026');
    for (const [name, people] of [
      ['Read', '4'],
      ['Delivered', '3'],
      ['Waiting', '5'],
    ]) {
      const shown = page
        .locator('dt', { hasText: name ?? '' })
        .first()
        .locator('xpath=following-sibling::dd');
      expect(await shown.textContent()).toMatch(new RegExp(`^${people} `));
    }
    await page.getByText('1 opted out').waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: /All recipients/ }).click();
    const file = await (await download).createReadStream();
    const chunks: Buffer[] = [];
    for await (const chunk of file) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString('utf8').trim().split('\r\n')).toHaveLength(ALL + 1);
  });

  test('is paused, goes on, sends unconfirmed ones again and is cancelled, each after a question and with a line in the audit log', async () => {
    const { page } = ann;
    const step = async (link: RegExp, question: RegExp, button: string, done: RegExp, id = 'spring-2026') => {
      await page.goto(`/campaigns/${id}`);
      await page.getByRole('link', { name: link }).click();
      const panel = page.getByRole('dialog');
      await panel.getByText(question).waitFor();
      await panel.getByLabel(/Reason/).fill('INC-9');
      await panel.getByRole('button', { name: button, exact: true }).click();
      await page.getByText(done).waitFor();
    };
    await step(/^Pause/, /5 people wait/, 'Pause', /Paused: no more/);
    expect(await statusOf('spring-2026')).toBe('paused');
    await step(/^Go on/, /5 people are written to/, 'Go on', /The campaign goes on/);
    await step(
      /unconfirmed again/,
      /2 people may or may not have got/,
      'Send the unconfirmed again',
      /2 unconfirmed messages sent/,
      'winter-2025',
    );
    await step(/^Cancel/, /This is final: \d+ people/, 'Cancel', /people who still waited are skipped/);
    expect(await statusOf('spring-2026')).toBe('cancelled');
    const { rows } = await sql.query('select actor, action from jobqueue.audit_log order by id desc limit 4');
    expect(rows.reverse()).toEqual(
      ['pause', 'resume', 'retry-unconfirmed', 'cancel'].map((name) => ({ actor: 'ann', action: `campaign_${name}` })),
    );
  });

  test('a viewer sees it and can change nothing; an unknown one is not found', async () => {
    const { page, context } = await visit(browser, app.url);
    await signIn(page, VIEWER_SECRET, 'vera');
    await page.goto('/campaigns/autumn-1?do=cancel');
    await page.getByRole('heading', { name: 'Autumn 1' }).waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(await page.getByRole('link', { name: /Cancel/ }).count()).toBe(0);
    expect((await page.goto('/campaigns/nobody-knows'))?.status()).toBe(404);
    for (const path of [
      '/campaigns/new?company=acme',
      '/companies?do=create',
      '/companies/acme?edit=model',
      '/opt-outs?do=add',
    ]) {
      await page.goto(path);
      expect([path, await page.getByLabel(/Reason/).count()]).toEqual([path, 0]);
    }
    await context.close();
  });

  test('a campaign is filled in, looked at and made once, however often the button is pressed', async () => {
    const { page } = ann;
    await page.goto('/campaigns?company=acme');
    await page.getByRole('link', { name: 'New campaign' }).click();
    await page.getByLabel('Template of acme').selectOption('gift/en');
    await page.getByRole('button', { name: 'Fill it in' }).click();
    await page.getByLabel('Name', { exact: true }).fill('<b>Gifts</b>');
    await page.getByLabel('Who', { exact: true }).selectOption('list');
    const file =
      'Phone,Name,Gift\n+971501234567,Ann Lee,a cup\n050 700 00 01,Bob,a pen\nnone,Eve,x\n+971501234568,<i>Mo</i>,=1+1\n';
    await page
      .locator('#field-file')
      .setInputFiles({ name: 'gifts.csv', mimeType: 'text/csv', buffer: Buffer.from(file) });
    await page.locator('[id="field-from-body.2"]').selectOption('column');
    await page.getByRole('button', { name: 'Look at it' }).click();
    await page
      .getByRole('alert')
      .getByText(/^\{\{2\}\} of the body: expected/)
      .waitFor();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('<b>Gifts</b>');
    await page.getByText('Kept: gifts.csv, 4 people').waitFor();
    await page.locator('[id="field-text-body.2"]').fill('Gift');
    await page.locator('#field-isQuiet').uncheck();
    await page.getByRole('button', { name: 'Look at it' }).click();
    await page.getByText('Hello <i>Mo</i>, here is =1+1').waitFor();
    const skipped = page.getByRole('region', { name: 'Skipped by reason' }).getByRole('row');
    expect((await skipped.allTextContents()).sort()).toEqual(expect.arrayContaining(['invalid phone1', 'opted out1']));
    const preview = page.url();
    await page.getByLabel(/^Reason/).fill('autumn plan');
    await page.getByRole('button', { name: 'Make it, start later' }).dblclick();
    await page.getByText('created as a draft').waitFor();
    await page.goto(preview); // came back, to press again
    await page.waitForURL(/campaigns\/[\da-f-]{36}(#|$)/);
    const { rows } = await sql.query(
      "select status, (select count(*)::int from campaign_entries) as people from campaigns where name like '%Gifts%'",
    );
    expect(rows).toEqual([{ status: 'draft', people: 4 }]);
    expect((await sql.query('select from kept_forms where people is not null and refusal is null')).rowCount).toBe(0);
    expect((await lastAudit()).details).toMatchObject({
      companyId: 'acme',
      template: 'gift/en',
      reason: 'autumn plan',
    });
  });

  test('a company is made; a refused form keeps what was typed, with each mistake beside its field', async () => {
    const { page } = ann;
    await page.goto('/companies');
    await page.getByRole('link', { name: 'New company' }).click();
    await page.getByLabel('Id', { exact: true }).fill('bad id!');
    await page.getByLabel('Name', { exact: true }).fill('<script>alert(1)</script>');
    await page.getByLabel('Reason').fill('pilot');
    await page.getByRole('button', { name: 'Make the company' }).click();
    await page
      .getByRole('alert')
      .getByText(/^Id: expected/)
      .waitFor();
    const id = page.getByLabel('Id', { exact: true });
    expect([await id.inputValue(), await id.getAttribute('aria-describedby')]).toEqual(['bad id!', 'error-id']);
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('<script>alert(1)</script>');
    await id.fill('new-one');
    await page.getByRole('button', { name: 'Make the company' }).click();
    await page.getByText('The company is created').waitFor();
    await page.getByRole('heading', { name: '<script>alert(1)</script>' }).waitFor();
    expect(await lastAudit()).toMatchObject({
      actor: 'ann',
      action: 'company.create',
      details: { id: 'new-one', reason: 'pilot' },
    });
  });

  test('a secret goes in, shows as set and by whom, and comes back on no page', async () => {
    const { page } = ann;
    await page.goto('/companies/acme');
    await page.getByRole('link', { name: 'Change: WhatsApp and messages' }).click();
    await page.getByLabel('Access token').fill('EAAG-of-acme-0123456789');
    await page.getByLabel('Messages a second').fill('many');
    await page.getByLabel('Reason').fill('INC-8');
    await page.getByRole('button', { name: 'Save' }).click();
    await page
      .getByRole('alert')
      .getByText(/^Messages a second: expected a number/)
      .waitFor();
    expect(await page.getByLabel('Access token').inputValue()).toBe('');
    expect((await sql.query("select from kept_forms where fields::text like '%EAAG%'")).rowCount).toBe(0);
    await page.getByLabel('Access token').fill('EAAG-of-acme-0123456789');
    await page.getByLabel('Messages a second').fill('15');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    await page.getByText(/^set .* by ann\)$/).waitFor();
    expect(await page.content()).not.toContain('EAAG');
    const { action, details } = await lastAudit();
    expect([action, details.secrets]).toEqual(['company.settings', { accessToken: 'set' }]);
    expect(JSON.stringify(details)).not.toContain('EAAG');
  });

  test('settings that a colleague has changed meanwhile are not overwritten unseen', async () => {
    const { page } = ann;
    await page.goto('/companies/acme?edit=company');
    await sql.query("update companies set default_country = 'SA' where id = 'acme'");
    await page.getByLabel('Name', { exact: true }).fill('Acme Trading');
    await page.getByLabel('Reason').fill('renamed');
    await page.getByRole('button', { name: 'Save' }).click();
    await page
      .getByRole('alert')
      .getByText(/^Country: was “AE” when this form was opened, is “SA” now/)
      .waitFor();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Acme Trading');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    expect((await sql.query("select name from companies where id = 'acme'")).rows).toEqual([{ name: 'Acme Trading' }]);
  });

  test('a paused connection says why, and is resumed with a reason', async () => {
    const { page } = ann;
    await sql.query(`insert into connections (company_id, provider, paused_at, paused_code, paused_reason)
      values ('acme', 'whatsapp', now(), '190', 'the token <b>expired</b>')`);
    await page.goto('/companies/acme');
    await page.getByText('the token <b>expired</b>').waitFor();
    await page.getByRole('link', { name: 'Resume WhatsApp…' }).click();
    await page
      .getByRole('dialog')
      .getByLabel(/Reason/)
      .fill('a new token');
    await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
    await page.getByText('The connection is resumed').waitFor();
    expect(await lastAudit()).toMatchObject({
      action: 'connection.resume',
      details: { companyId: 'acme', reason: 'a new token' },
    });
  });

  test('an opt-out is found by a part of the number, downloaded, and lifted only with how the person asked', async () => {
    const { page } = ann;
    await page.goto('/opt-outs');
    await page.getByLabel('Part of the number').fill('050 700');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.waitForURL('**search=**');
    expect(await page.getByRole('rowheader').allTextContents()).toEqual(['+971507000001']);
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    const chunks: Buffer[] = [];
    for await (const chunk of await (await download).createReadStream()) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString('utf8').trim().split('\r\n')[1]).toMatch(
      /^acme,\+971507000001,,all,keyword,'=1\+1,/,
    );
    await page.getByRole('link', { name: /^Lift/ }).click();
    const panel = page.getByRole('dialog');
    await panel.getByText('The person opted out.').waitFor();
    await panel
      .getByLabel('How the person asked to get messages again')
      .fill('Called on 1 December and asked for the offers again');
    await panel.getByLabel(/Reason/).fill('INC-9');
    await panel.getByRole('button', { name: 'Lift it' }).click();
    await page.getByText('Lifted: this person may get messages again.').waitFor();
    expect((await lastAudit()).details).toMatchObject({
      phone: '+971507000001',
      howAsked: expect.stringContaining('Called'),
    });
  });

  test('an opt-out is written down for a number as people write it', async () => {
    const { page } = ann;
    await page.goto('/opt-outs?company=other');
    await page.getByRole('link', { name: 'Record one…' }).click();
    const panel = page.getByRole('dialog');
    await panel.getByLabel('Number or WhatsApp user id').fill('nobody');
    await panel.getByLabel(/Reason/).fill('asked by phone');
    await panel.getByRole('button', { name: 'Write it down' }).click();
    await panel.getByRole('alert').waitFor();
    expect(await panel.getByLabel('Number or WhatsApp user id').inputValue()).toBe('nobody');
    await panel.getByLabel('Number or WhatsApp user id').fill('050 700 00 02');
    await panel.getByRole('button', { name: 'Write it down' }).click();
    await page.getByText('Recorded:').waitFor();
    const { rows } = await sql.query("select phone_e164, source, reason from opt_outs where company_id = 'other'");
    expect(rows).toEqual([{ phone_e164: '+971507000002', source: 'admin', reason: 'asked by phone' }]);
  });
});

/** One that runs, with people in every state, and older ones of another company, one of them with messages that nobody confirmed. */
async function fillCampaigns(sql: pg.Client): Promise<void> {
  await sql.query(`
    insert into companies (id, name) values ('acme', 'Acme'), ('other', 'Other');
    insert into opt_outs (company_id, phone_e164, source, reason) values ('acme', '+971507000001', 'keyword', '=1+1');
    insert into templates (company_id, name, language, category, status, body)
    select id, 'offer', 'en', 'MARKETING', 'APPROVED', 'Hello' from companies;
    insert into templates (company_id, name, language, category, status, body, parameters)
    values ('acme', 'gift', 'en', 'MARKETING', 'APPROVED', 'Hello {{1}}, here is {{2}}',
            '[{"component": "body", "name": "1"}, {"component": "body", "name": "2"}]');
    insert into campaigns (id, company_id, name, template_id, status, audience, created_at, planned_at)
    select 'spring-2026', 'acme', 'Spring', id, 'running', '{"kind": "list"}', now(), now()
    from templates where company_id = 'acme' and name = 'offer';
    insert into campaigns (id, company_id, name, template_id, status, audience, created_at, planned_at, finished_at)
    select 'winter-2025', 'other', 'Winter', id, 'completed', '{"kind": "list"}', now() - interval '1 year', now(), now()
    from templates where company_id = 'other';
    insert into recipients (campaign_id, company_id, phone_e164, status, attempt, opaque_id)
    select 'winter-2025', 'other', '+97150200000' || n, 'unconfirmed', 1, 'winter-' || n from generate_series(1, 2) n;
    insert into campaigns (id, company_id, name, template_id, status, audience, created_at)
    select 'autumn-' || n, 'other', 'Autumn ' || n, id, 'draft', '{"kind": "list"}', now() - n * interval '1 day'
    from templates, generate_series(1, 60) n where company_id = 'other'`);
  await sql.query(`
    insert into templates (company_id, name, language, category, status, status_reason, quality, body, parameter_format, parameters, components,
      unsupported, synced_at)
    values ('acme', 'visit', 'pt_BR', 'UTILITY', 'PAUSED', 'paused for 3 hours', 'RED', 'Oi {{first_name}}, sua visita está marcada.', 'NAMED',
      '[{"component": "header", "name": "image", "kind": "image"}, {"component": "body", "name": "first_name"}]', '[]',
      'a button of the kind FLOW', now() - interval '20 minutes');
    insert into company_settings (company_id, whatsapp_account_id) values ('acme', '102290129340398');
    insert into template_syncs (account_id, synced_at, templates, error)
    values ('102290129340398', now() - interval '20 minutes', 2, 'WhatsApp error 200: the app or its user lacks a permission');
    insert into account_events (company_id, field, event, severity, message)
    values ('acme', 'account_update', 'ACCOUNT_RESTRICTION', 'critical', 'the account is restricted: restricted biz initiated messaging'),
           ('acme', 'phone_number_quality_update', 'FLAGGED', 'warning', 'number 15550783881: flagged (limit of people in 24 hours: TIER_10K)')`);
  let next = 0;
  for (const [status, people] of Object.entries(PEOPLE))
    for (let n = 0; n < people; n++)
      await sql.query(
        `insert into recipients (campaign_id, company_id, phone_e164, status, skip_reason, error_code, attempt, opaque_id, next_at, status_at)
         values ('spring-2026', 'acme', $1, $2, $3, $4, $5, $6, now() + interval '1 day', now())`,
        [
          `+9715010${10_000 + next++}`,
          status,
          status === 'skipped' ? 'opted_out' : null,
          status === 'failed' ? 131026 : null,
          status === 'pending' || status === 'skipped' ? 0 : 1,
          status === 'pending' || status === 'skipped' ? null : `opaque-${next}`,
        ],
      );
}
