/** The pages of drafts in a real browser: what waits, one with its conversation, and each decision that a person can take. */
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
const HOSTILE = `<img src=x onerror="document.title=1"> يمكنك \u202eزيارة المكتب https://evil.example/ ${'w'.repeat(200)}`;

takeTurns();

describe.skipIf(CHROMIUM === null)(`drafts in a browser${SKIPPED}`, () => {
  let db: TestDatabase;
  let sql: pg.Client;
  let app: RunningApp;
  let browser: Browser;
  let ann: Visit;

  beforeAll(async () => {
    db = await freshDatabase();
    sql = new pg.Client(db.url);
    await sql.connect();
    await sql.query("insert into companies (id, name) values ('acme', 'Acme'), ('other', 'Other')");
    await sql.query("insert into ai_settings (company_id, enabled) values ('acme', true), ('other', true)");
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

  let phones = 971_501_111_000;
  async function draft(
    status: 'drafted' | 'review' | 'blocked' | 'failed',
    given: Partial<Draft> = {},
  ): Promise<string> {
    const { text = 'Yes, two places each.', companyId = 'acme', severity = null } = given;
    const finding = {
      rule: 'insult',
      ruleVersion: 1,
      severity,
      span: [0, 3],
      excerpt: 'Yes',
      explanation: 'insults <b>',
    };
    const verdict = {
      decision: status === 'blocked' ? 'block' : 'allow',
      score: severity === null ? 0 : 100,
      findings: severity === null ? [] : [finding],
      checkedBy: ['rules@2'],
      errors: [],
    };
    const { rows } = await sql.query<{ id: string }>(
      `with conversation as (
         insert into conversations (company_id, phone_e164, last_inbound_at) values ($1, $2, now()) returning id
       ), message as (
         insert into messages (company_id, conversation_id, direction, author, body, status)
         select $1, id, 'inbound', 'customer', 'Do you have parking?', 'received' from conversation returning id, conversation_id
       )
       insert into generations (company_id, conversation_id, trigger_message_id, status, draft, language, verdict, reason, finished_at)
       select $1, conversation_id, id, $3, $4, 'en', $5, $6, now() from message
       returning id::text`,
      [
        companyId,
        `+${++phones}`,
        status,
        status === 'failed' ? null : text,
        verdict,
        status === 'failed' ? 'too_long' : 'unsafe',
      ],
    );
    return String(rows[0]?.id);
  }
  const stored = async (id: string) =>
    (
      await sql.query(
        `select g.status, g.decided_by, m.body from generations g left join messages m on m.id = g.message_id where g.id = $1`,
        [id],
      )
    ).rows[0];

  test.each([
    ['light', { colorScheme: 'light', viewport: { width: 1280, height: 900 } }],
    [
      'dark, on a phone',
      { colorScheme: 'dark', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
    ],
  ] as const)('%s: readable, within the screen, and hostile text stays text', async (_, look) => {
    const id = await draft('blocked', { text: HOSTILE, severity: 'critical' });
    const { page, context, complaints } = await visit(browser, app.url, look);
    await signIn(page, OPERATOR_SECRET);
    for (const path of ['/drafts', `/drafts/${id}`]) {
      await page.goto(path);
      await page.getByRole('heading').first().waitFor();
      expect(await page.locator('main img').count(), path).toBe(0);
      expect(await violations(page), path).toEqual([]);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, path).toBeLessThanOrEqual(0);
    }
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('a ready one is approved from the list, and an other colleague learns that it was', async () => {
    const id = await draft('drafted', { companyId: 'other' });
    const bob = await visit(browser, app.url);
    await signIn(bob.page, OPERATOR_SECRET, 'bob');
    await bob.page.goto(`/drafts/${id}`);
    const { page } = ann;
    await page.goto('/drafts?company=other');
    await page.getByRole('rowheader').first().getByRole('link').click();
    await page.getByText('Do you have parking?').waitFor();
    await page.getByRole('button', { name: 'Approve and send' }).click();
    await page.getByText('Approved: it is sent now.').waitFor();
    expect(await stored(id)).toEqual({ status: 'approved', decided_by: 'ann', body: 'Yes, two places each.' });
    await bob.page.getByRole('button', { name: 'Approve and send' }).click();
    await bob.page.getByText(/Nothing was sent a second time/).waitFor();
    await bob.page.getByText(/Decided: approved by/).waitFor();
    expect((await sql.query("select 1 from messages where body = 'Yes, two places each.'")).rows).toHaveLength(1);
    await bob.context.close();
  });

  test('a blocked one has no button that sends it; a text that is blocked too is kept with what was found', async () => {
    const id = await draft('blocked', { severity: 'critical' });
    const { page } = ann;
    await page.goto(`/drafts/${id}`);
    await page.getByText('cannot be sent as it is').waitFor();
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    const field = page.getByLabel('Your text instead of it');
    const send = page.getByRole('button', { name: 'Check and send this text' });
    await field.fill('You idiot');
    await send.click();
    await page.getByText(/Your text was not sent/).waitFor();
    await page.getByText('insults the customer').waitFor();
    expect(await field.inputValue()).toBe('You idiot');
    await field.fill('Yes,\ntwo places.');
    await send.click();
    await page.getByText('Your text is sent now.').waitFor();
    expect(await stored(id)).toEqual({ status: 'edited', decided_by: 'ann', body: 'Yes,\ntwo places.' });
    const { rows } = await sql.query('select actor, action from jobqueue.audit_log order by id desc limit 1');
    expect(rows).toEqual([{ actor: 'ann', action: 'draft_approve' }]);
  });

  test('one that the customer has overtaken says so, and is sent only once the new message was shown', async () => {
    const id = await draft('review', { severity: 'high' });
    const { page } = ann;
    await page.goto(`/drafts/${id}`);
    await sql.query(
      `insert into messages (company_id, conversation_id, direction, author, body, status)
       select company_id, conversation_id, 'inbound', 'customer', 'And a pool?', 'received' from generations where id = $1`,
      [id],
    );
    await page.getByRole('button', { name: 'Approve and send' }).click();
    await page.getByText(/written since you looked/).waitFor();
    await page.getByText('And a pool?').waitFor();
    await page.getByText(/^Outdated/).waitFor();
    expect(await stored(id)).toMatchObject({ status: 'review' });
    await page.getByLabel(/Reason/).fill('answered by phone');
    await page.getByRole('button', { name: 'Reject: send nothing' }).click();
    await page.getByText('Rejected: nothing is sent.').waitFor();
    expect(await stored(id)).toMatchObject({ status: 'rejected', body: null });
  });

  test('a viewer sees one that no model wrote, and decides nothing', async () => {
    const id = await draft('failed');
    const { page, context } = await visit(browser, app.url);
    await signIn(page, VIEWER_SECRET, 'vera');
    await page.goto(`/drafts/${id}`);
    await page.getByText('the conversation is longer than the model takes').first().waitFor();
    expect(await page.locator('main').getByRole('button').count()).toBe(0);
    await context.close();
  });
});

interface Draft {
  readonly text: string;
  readonly companyId: string;
  readonly severity: 'critical' | 'high' | null;
}
