/** The pages of campaigns in a real browser: the list, a report that adds up, and each thing that can be done with one. */
import pg from 'pg';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildApp, type RunningApp, startApp } from '../app/browser.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { CHROMIUM, launch, signIn, type Visit, violations, visit } from './chromium.ts';

const OPERATOR_SECRET = 'operator-secret-0123456789';
const VIEWER_SECRET = 'viewer-secret-0123456789';
const SKIPPED = CHROMIUM === null ? ', SKIPPED: no Chromium here; install Debian’s, or set CHROMIUM_PATH' : '';
/** Of the running campaign, by status. */
const PEOPLE = { read: 4, delivered: 3, unconfirmed: 2, failed: 1, pending: 5, skipped: 1 } as const;
const ALL = Object.values(PEOPLE).reduce((a, b) => a + b, 0);

describe.skipIf(CHROMIUM === null)(`campaigns in a browser${SKIPPED}`, () => {
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
    app = await startApp({ DATABASE_URL: db.url, OPERATOR_SECRET, VIEWER_SECRET });
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

  const statusOf = async (id: string) =>
    (await sql.query('select status from campaigns where id = $1', [id])).rows[0]?.status;

  test.each([
    ['light', { colorScheme: 'light', viewport: { width: 1280, height: 900 } }],
    [
      'dark, on a phone',
      { colorScheme: 'dark', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
    ],
  ] as const)('%s: readable, within the screen, and without complaints', async (_, look) => {
    const { page, context, complaints } = await visit(browser, app.url, look);
    await signIn(page, OPERATOR_SECRET);
    for (const path of ['/campaigns', '/campaigns/spring-2026', '/campaigns/spring-2026?do=cancel']) {
      await page.goto(path);
      await page.getByRole('heading').first().waitFor();
      expect(await violations(page), path).toEqual([]);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, path).toBeLessThanOrEqual(0);
    }
    expect(complaints).toEqual([]);
    await context.close();
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
    await step(/^Pause/, /5 people wait/, 'Pause', /Paused: nobody more/);
    expect(await statusOf('spring-2026')).toBe('paused');
    await step(/^Go on/, /5 people are written to/, 'Go on', /The campaign goes on/);
    await step(
      /unconfirmed again/,
      /2 people may have got/,
      'Send the unconfirmed again',
      /2 unconfirmed messages sent/,
      'winter-2025',
    );
    await step(/^Cancel/, /For good: \d+ people/, 'Cancel', /whoever still waited is skipped/);
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
    await context.close();
  });
});

/** One that runs, with people in every state, and older ones of another company, one of them with messages that nobody confirmed. */
async function fillCampaigns(sql: pg.Client): Promise<void> {
  await sql.query(`
    insert into companies (id, name) values ('acme', 'Acme'), ('other', 'Other');
    insert into templates (company_id, name, language, category, status, body)
    select id, 'offer', 'en', 'MARKETING', 'APPROVED', 'Hello' from companies;
    insert into campaigns (id, company_id, name, template_id, status, audience, created_at, planned_at)
    select 'spring-2026', 'acme', 'Spring', id, 'running', '{"kind": "list"}', now(), now() from templates where company_id = 'acme';
    insert into campaigns (id, company_id, name, template_id, status, audience, created_at, planned_at, finished_at)
    select 'winter-2025', 'other', 'Winter', id, 'completed', '{"kind": "list"}', now() - interval '1 year', now(), now()
    from templates where company_id = 'other';
    insert into recipients (campaign_id, company_id, phone_e164, status, attempt, opaque_id)
    select 'winter-2025', 'other', '+97150200000' || n, 'unconfirmed', 1, 'winter-' || n from generate_series(1, 2) n;
    insert into campaigns (id, company_id, name, template_id, status, audience, created_at)
    select 'autumn-' || n, 'other', 'Autumn ' || n, id, 'draft', '{"kind": "list"}', now() - n * interval '1 day'
    from templates, generate_series(1, 60) n where company_id = 'other'`);
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
