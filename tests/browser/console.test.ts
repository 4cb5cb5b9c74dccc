/** The console in a real browser: each screen in light, dark and on a phone, each action from its button to what it changed. */
import pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Filled, fill } from '../../scripts/screenshots/fill.ts';
import { buildApp, type RunningApp, startApp } from '../app/browser.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { takeTurns } from '../support/take-turns.ts';
import { CHROMIUM, foundOn, launch, signIn, type Visit, violations, visit } from './chromium.ts';

const OPERATOR_SECRET = 'operator-secret-0123456789';
const VIEWER_SECRET = 'viewer-secret-0123456789';
const SKIPPED = CHROMIUM === null ? ', SKIPPED: no Chromium here; install Debian’s, or set CHROMIUM_PATH' : '';

takeTurns();

describe.skipIf(CHROMIUM === null)(`the console in a browser${SKIPPED}`, () => {
  let db: TestDatabase;
  let sql: pg.Client;
  let app: RunningApp;
  let browser: Browser;
  let filled: Filled;
  let ann: Visit;
  let deadId: string;

  beforeAll(async () => {
    db = await freshDatabase();
    sql = new pg.Client(db.url);
    await sql.connect();
    filled = await fill(db.url);
    deadId = await one(
      "select id::text from jobqueue.finished_jobs where status = 'DEAD_LETTER' and type = 'crm_sync' order by id limit 1",
    );
    await buildApp();
    app = await startApp({ DATABASE_URL: db.url, OPERATOR_SECRET, VIEWER_SECRET });
    browser = await launch();
    ann = await visit(browser, app.url);
    await signIn(ann.page, OPERATOR_SECRET);
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
    await filled?.stop();
    await sql?.end();
    await db?.drop();
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail')
      console.error(`${task.name}: ${await foundOn(ann.page)}\n${ann.complaints.join('\n')}`);
  });

  async function one(text: string, ...params: unknown[]): Promise<string> {
    const { rows } = await sql.query({ text, values: params, rowMode: 'array' });
    return rows[0]?.[0];
  }
  const lastAudit = async () => {
    const { rows } = await sql.query('select actor, action from jobqueue.audit_log order by id desc limit 1');
    return rows[0];
  };

  const SCREENS = [
    ['/', 'Overview'],
    ['/jobs', 'Jobs'],
    ['/jobs?type=campaign_send&status=PENDING&do=cancel', 'Cancel jobs'],
    ['/dead-letters', 'Dead letters'],
    ['/schedules', 'Schedules'],
    ['/schedules?name=crm-reconcile&do=override', 'Override the line: crm-reconcile'],
    ['/ticks', 'Ticks'],
    ['/incident?look=1', 'Incident'],
    ['/imports', 'Imports'],
    ['/audit', 'Audit'],
  ] as const;
  const LOOKS = [
    ['light', { colorScheme: 'light', viewport: { width: 1280, height: 900 } }],
    ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 900 } }],
    ['on a phone', { colorScheme: 'light', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }],
  ] as const;

  describe.each(LOOKS)('%s', (look, options) => {
    let seen: Visit;
    beforeAll(async () => {
      seen = await visit(browser, app.url, options);
      await signIn(seen.page, OPERATOR_SECRET);
    });
    afterAll(() => seen?.context.close());

    test.each([...SCREENS, ['job', 'crm_sync'] as const, ['tick', 'cron drain'] as const])(
      '%s',
      async (path, heading) => {
        const { page, complaints } = seen;
        complaints.length = 0;
        const drain = "select id::text from jobqueue.drains where source = 'cron' order by started_at limit 1";
        const at = path === 'job' ? `/jobs/${deadId}` : path === 'tick' ? `/ticks/${await one(drain)}` : path;
        await page.goto(at);
        await page.getByRole('heading', { name: heading }).first().waitFor();
        expect(await violations(page)).toEqual([]);
        expect(complaints).toEqual([]);
        const { scrollWidth, clientWidth } = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          return { scrollWidth, clientWidth };
        });
        expect(scrollWidth).toBeLessThanOrEqual(clientWidth);
        expect(await cutOff(page)).toEqual([]);
        const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        expect(background).toBe(look === 'dark' ? 'rgb(13, 16, 21)' : 'rgb(246, 247, 249)');
      },
    );
  });

  test('the login shows nothing of what is behind it, and says what was wrong', async () => {
    const { page, context, complaints } = await visit(browser, app.url);
    await page.goto('/jobs?status=PENDING');
    expect(new URL(page.url()).pathname).toBe('/login');
    expect(await violations(page)).toEqual([]);
    await page.getByLabel('Your name').fill('eve');
    await page.getByLabel('Secret', { exact: true }).fill('guess');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'neither' }).waitFor();
    await page.getByLabel('Your name').fill('ann');
    await page.getByLabel('Secret', { exact: true }).fill(OPERATOR_SECRET);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL('**/jobs?status=PENDING');
    expect(complaints).toEqual([]);
    await page.getByRole('button', { name: 'Sign out' }).filter({ visible: true }).click();
    await page.waitForURL('**/login');
    await context.close();
  });

  test('colours are chosen by hand, and kept', async () => {
    const { page } = ann;
    await page.goto('/');
    await page.getByRole('button', { name: 'Dark colours' }).filter({ visible: true }).click();
    await page.locator('html[data-theme=dark]').waitFor();
    await page.reload();
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(13, 16, 21)');
    await page.getByRole('button', { name: 'Colours of the system' }).filter({ visible: true }).click();
    await page.locator('html:not([data-theme])').waitFor();
  });

  test('times stand in the viewer’s zone, with the exact UTC instant on hover', async () => {
    const { page } = ann;
    await page.goto(`/jobs/${deadId}`);
    const time = page.locator('time').first();
    const iso = (await time.getAttribute('datetime')) ?? '';
    const inDubai = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Dubai', timeStyle: 'medium' }).format(
      new Date(iso),
    );
    await expect.poll(() => time.textContent()).toContain(inDubai);
    expect(await time.getAttribute('title')).toBe(`${iso.replace('T', ' ').replace('Z', '')} UTC`);
  });

  test('without JavaScript every number, chart and question can be read and answered', async () => {
    const { page, context } = await visit(browser, app.url, { javaScriptEnabled: false });
    await signIn(page, OPERATOR_SECRET, 'no-script');
    await page.getByRole('row').filter({ hasText: 'ai_generation' }).first().waitFor();
    expect(await page.getByRole('img', { name: /Throughput/ }).count()).toBe(1);
    const id = await one(
      "select id::text from jobqueue.live_jobs where type = 'whatsapp_event' and lease_until is null order by due_at desc limit 1",
    );
    await page.goto('/jobs?type=whatsapp_event&status=PENDING');
    await page.locator(`input[name=ids][value="${id}"]`).check();
    await page.getByRole('button', { name: 'Cancel…' }).click();
    await page.getByText('1 job', { exact: true }).waitFor();
    await page.getByLabel(/^Reason/).fill('no script');
    await page.getByRole('button', { name: 'Cancel 1 job' }).click();
    await page.getByText('1 job cancelled.').waitFor();
    expect(await one('select status from jobqueue.finished_jobs where id = $1', id)).toBe('CANCELLED');
    await context.close();
  });

  test('a hidden tab asks nothing, and is fresh as soon as it is looked at', async () => {
    const { page, context } = await visit(browser, app.url);
    await signIn(page, OPERATOR_SECRET);
    await page.waitForLoadState('networkidle'); // the viewer's zone costs one refresh
    await page.clock.install();
    await page.goto('/');
    await page.getByText('Live, every 10 s').waitFor();
    await page.waitForLoadState('networkidle');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(`${request.method()} ${request.url()}`));
    await hide(page, true);
    await page.clock.fastForward(120_000);
    expect(asked).toEqual([]);
    const fresh = page.waitForRequest(() => true);
    await hide(page, false);
    await fresh;
    await context.close();
  });

  describe('an operator', () => {
    test('pauses a type with a reason that everybody reads, and resumes it', async () => {
      const { page } = ann;
      await page.goto('/incident');
      await page.getByRole('button', { name: 'Pause…' }).click();
      expect(page.url()).not.toContain('pauseType'); // nothing is chosen from the start
      await page.locator('#field-pause-type').selectOption('crm_event');
      await page.getByRole('button', { name: 'Pause…' }).click();
      await page.getByText(/^\d+ wait$/).waitFor();
      await page.getByText(/^\d+ run$/).waitFor();
      await page.getByLabel(/^Reason/).fill('INC-9');
      await page.getByRole('button', { name: /^Pause \d+ waiting/ }).click();
      await page.getByText('Paused: no drain starts a job of it').waitFor();
      expect(await one("select reason from jobqueue.pauses where type = 'crm_event'")).toBe('INC-9');
      expect(await lastAudit()).toEqual({ actor: 'ann', action: 'pause' });
      await page.goto('/');
      await page.getByText('INC-9').waitFor();
      await page.goto('/incident');
      await page.getByRole('button', { name: 'Resume crm_event' }).click();
      await page.getByText('Resumed.').waitFor();
      expect(await one("select count(*) from jobqueue.pauses where type = 'crm_event'")).toBe('0');
      expect(await lastAudit()).toEqual({ actor: 'ann', action: 'resume' });
    });

    test('acknowledges an incident, mutes its check with a reason, and ends the mute', async () => {
      const { page } = ann;
      await page.goto('/incident');
      await page.getByRole('button', { name: 'Acknowledge dead letters ai_generation' }).click();
      await page.getByText('others see that you take care of it').waitFor();
      await page.getByText('acknowledged by ann').waitFor();
      expect(await lastAudit()).toEqual({ actor: 'ann', action: 'incident.acknowledge' });
      await page.getByRole('link', { name: 'Mute dead letters ai_generation' }).click();
      await page.getByLabel('For', { exact: true }).selectOption('a day');
      await page.getByLabel(/^Reason/).fill('INC-8');
      await page.getByRole('button', { name: 'Mute', exact: true }).click();
      await page.getByText('no alerts about it').waitFor();
      expect(await one("select subject || ': ' || reason from jobqueue.mutes")).toBe('ai_generation: INC-8');
      await page.getByRole('button', { name: 'Unmute dead letters of ai_generation' }).click();
      await page.getByText('The mute has ended').waitFor();
      expect(await one('select count(*) from jobqueue.mutes')).toBe('0');
    });

    test('changes priority and due time of what a filter means, and is told how many', async () => {
      const { page } = ann;
      await page.goto('/jobs?type=message_send&status=PENDING');
      await page.getByRole('button', { name: 'Priority…' }).click();
      const all = Number(await one("select count(*) from jobqueue.live_jobs where type = 'message_send'"));
      await page.getByLabel('Priority, 0 to 10').fill('9');
      await page.getByRole('button', { name: `Change ${all} jobs` }).click();
      await page.getByText(`${all} jobs given a new priority`).waitFor();
      expect(await one("select min(priority) from jobqueue.live_jobs where type = 'message_send'")).toBe(9);

      await page.getByRole('button', { name: 'Reschedule…' }).click();
      await page.getByRole('radio', { name: 'at' }).check();
      await page.getByLabel('Due at').fill('2030-01-02T03:04');
      await page.getByRole('button', { name: `Reschedule ${all} jobs` }).click();
      await page.getByText(`${all} jobs rescheduled`).waitFor();
      const due =
        "select to_char(min(due_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from jobqueue.live_jobs where type = 'message_send'";
      expect(await one(due)).toBe('2030-01-01 23:04'); // typed in Dubai
      expect(await lastAudit()).toEqual({ actor: 'ann', action: 'reschedule.done' });
    });

    test('cancels the rows that were chosen, shift and click choosing a range', async () => {
      const { page } = ann;
      await page.goto('/jobs?type=crm_sync&status=PENDING');
      const boxes = page.locator('input[name=ids]');
      await boxes.nth(1).click();
      await boxes.nth(4).click({ modifiers: ['Shift'] });
      await page.getByRole('button', { name: 'Cancel…' }).click();
      await page.getByText('the 4 that you chose').waitFor();
      // a key before the page's scripts have loaded is heard by nobody
      await expect
        .poll(
          async () => {
            await page.keyboard.press('Escape');
            return page.getByRole('dialog').count();
          },
          { timeout: 10_000 },
        )
        .toBe(0);
      await page.goto('/jobs?type=crm_sync&status=PENDING');
      await boxes.nth(1).click();
      await page.getByRole('button', { name: 'Cancel…' }).click();
      await page.getByLabel(/^Reason/).fill('twice');
      await page.getByRole('button', { name: 'Cancel 1 job' }).click();
      await page.getByText('1 job cancelled.').waitFor();
    });

    test('edits a dead letter’s payload and replays it; JSON that is none is refused on the page', async () => {
      const { page } = ann;
      await page.goto(`/jobs/${deadId}`);
      await page.getByRole('link', { name: 'Edit and replay…' }).click();
      await page.getByLabel('Payload, JSON').fill('{ "companyId": ');
      await page.getByRole('button', { name: 'Replay 1 job' }).click();
      await page.getByRole('alert').filter({ hasText: 'missing or invalid' }).waitFor();
      await expect.poll(() => page.getByLabel('Payload, JSON').inputValue()).toBe('{ "companyId": ');
      await page.getByLabel('Payload, JSON').fill('{ "companyId": "comp_1", "leadId": "lead_99", "action": "delete" }');
      await page.getByRole('button', { name: 'Replay 1 job' }).click();
      await page.getByRole('alert').filter({ hasText: 'Look at payload.action.' }).waitFor();
      await page.getByLabel('Payload, JSON').fill('{ "companyId": "comp_1", "leadId": "lead_99", "action": "update" }');
      await page.getByRole('button', { name: 'Replay 1 job' }).click();
      await page.getByText('Replayed with the payload as you edited it.').waitFor();
      await page.getByText('replay.amended').waitFor();
      expect(await one("select payload ->> 'leadId' from jobqueue.live_jobs where id = $1", deadId)).toBe('lead_99');
    });

    test('replays a group of dead letters at once, and another throttled, and stops it', async () => {
      const { page } = ann;
      await page.goto('/dead-letters');
      await page.getByRole('link', { name: /^Replay ai_generation/ }).click();
      await page.getByText('12 jobs', { exact: true }).waitFor();
      await page.getByRole('radio', { name: 'All at once' }).check();
      await page.getByRole('button', { name: 'Replay 12 jobs' }).click();
      await page.getByText('12 jobs replayed.').waitFor();
      expect(
        await one(
          "select count(*) from jobqueue.finished_jobs where status = 'DEAD_LETTER' and type = 'ai_generation'",
        ),
      ).toBe('0');

      await page.getByRole('link', { name: /^Replay campaign_send/ }).click();
      await page.getByLabel('A minute', { exact: true }).fill('30');
      await page.getByRole('button', { name: /^Replay 3 jobs/ }).click();
      await page.getByText('The throttled replay has started').waitFor();
      const id = await one('select max(id)::text from jobqueue.replays');
      await page.getByRole('button', { name: `Stop replay ${id}` }).click();
      await page.getByText('The throttled replay is stopped').waitFor();
      expect(await one('select state from jobqueue.replays where id = $1', id)).toBe('stopped');
    });

    test('replays what a filter means from the list, and one job from its own page', async () => {
      const { page } = ann;
      const cancelled =
        "select count(*) from jobqueue.finished_jobs where status = 'CANCELLED' and type = 'lead_import'";
      const all = Number(await one(cancelled));
      expect(all).toBeGreaterThan(1);
      await page.goto('/jobs?type=lead_import&status=CANCELLED');
      await page.getByRole('button', { name: 'Replay…' }).click();
      await page.getByRole('button', { name: `Replay ${all} jobs` }).click();
      await page.getByText(`${all} jobs replayed.`).waitFor();
      expect(await one(cancelled)).toBe('0');
      expect(await lastAudit()).toEqual({ actor: 'ann', action: 'replay.done' });

      const id = await one(
        "select id::text from jobqueue.finished_jobs where status = 'DEAD_LETTER' and type = 'crm_sync' order by id desc limit 1",
      );
      await page.goto(`/jobs/${id}`);
      await page.getByRole('link', { name: 'Replay…', exact: true }).click();
      await page.getByText('1 job', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Replay 1 job' }).click();
      await page.getByText('1 job replayed.').waitFor();
      expect(await one('select count(*) from jobqueue.live_jobs where id = $1', id)).toBe('1');
    });

    test('sees of a parent which children it waits for, and of a child who waits for it', async () => {
      const { page } = ann;
      const child = { type: 'crm_sync', parent: 0, delay_ms: 3_600_000, payload: { companyId: 'comp_1' } };
      const root = { type: 'campaign_send', payload: { campaignId: 'spring', companyId: 'comp_1' } };
      const flow = JSON.stringify([root, child, { ...child, type: 'crm_event' }]);
      const { rows } = await sql.query('select id::text from jobqueue.add_flow_1($1) order by ordinal', [flow]);
      const [parent, ...children] = rows.map(({ id }) => id);
      await page.goto(`/jobs/${parent}`);
      await page.getByRole('heading', { name: 'Children, of which it waits for 2' }).waitFor();
      await page.getByText('Waits for its children').waitFor();
      expect(await violations(page)).toEqual([]);
      await page.getByRole('link', { name: children[1], exact: true }).click();
      await page.getByRole('heading', { name: 'Parent, which waits for this job' }).waitFor();
      await page.getByRole('link', { name: parent, exact: true }).waitFor();
      await page.goto(`/jobs?search=${parent}`);
      const row = page.getByRole('row').filter({ hasText: parent });
      await expect.poll(() => row.textContent()).toContain('after its children');

      // A child that fails: what to do stands there, and rescheduling the parent by itself lets it go.
      await page.goto(`/jobs/${children[0]}?do=cancel`);
      await page.getByLabel(/^Reason/).fill('not needed');
      await page.getByRole('button', { name: 'Cancel 1 job' }).click();
      await page.getByText('1 job cancelled.').waitFor();
      await page.goto(`/jobs/${parent}`);
      await page.getByText('It waits until what failed or was cancelled is replayed').waitFor();
      await page.getByRole('link', { name: 'Reschedule…' }).click();
      await page.getByRole('button', { name: 'Reschedule 1 job' }).click();
      await page.getByText('1 job rescheduled').waitFor();
      expect(
        await one('select due_at < jobqueue.waits_for_children() from jobqueue.live_jobs where id = $1', parent),
      ).toBe(true);
    });

    test('pauses, resumes, overrides and runs a schedule', async () => {
      const { page } = ann;
      const step = async (button: string, confirm: string, says: string, fields: Record<string, string> = {}) => {
        await page.goto('/schedules');
        await page.getByRole('link', { name: `${button} crm-reconcile` }).click();
        for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value);
        await page.getByLabel(/^Reason/).fill('INC-9');
        await page.getByRole('button', { name: confirm, exact: true }).click();
        await page.getByText(says).waitFor();
      };
      const schedule = (column: string) => one(`select ${column} from jobqueue.schedules where name = 'crm-reconcile'`);
      await step('Pause…', 'Pause', 'The schedule is paused.');
      expect(await schedule('pause_reason')).toBe('INC-9');
      await step('Resume…', 'Resume', 'The schedule is resumed.');
      await step('Override…', 'Override', 'The override is in place', { 'Cron line': '0 4 * * *' });
      expect(await schedule('override_cron')).toBe('0 4 * * *');
      await step('Override…', 'Override', 'One of the values is invalid.', {
        'Cron line': 'every morning',
      });
      await step('Code’s line…', 'Remove the override', 'The code’s own line applies again');
      expect(await schedule('override_cron')).toBeNull();
      await step('Run now…', 'Run 1 job now', 'One job of this schedule was enqueued.');
      expect((await lastAudit()).action).toBe('schedule_run');
    });

    test('looks what a drain would find, drains by hand, and sees how it goes and ends', async () => {
      const { page } = ann;
      await page.goto('/incident');
      await page.locator('#field-type').selectOption('lead_import');
      await page.getByLabel('Budget, seconds').fill('20');
      await page.getByRole('button', { name: 'Dry run' }).click();
      await page.getByText('No job is due').waitFor();
      // «Run now» kicked a drain of its own, which lingers and would be first.
      const others = () => one("select count(*) from jobqueue.drains where source = 'kick' and finished_at is null");
      await vi.waitFor(async () => expect(await others()).toBe('0'), { timeout: 20_000, interval: 100 });
      await sql.query('select jobqueue.add_job(\'lead_import\', \'{"companyId": "comp_1", "importId": "none"}\')');
      await page.getByRole('button', { name: 'Dry run' }).click();
      await page.getByRole('button', { name: 'Drain 1 due job' }).click();
      await page.getByText('Your drain ended').waitFor({ timeout: 25_000 });
      await page.getByRole('definition').first().waitFor();
      const { rows } = await sql.query(
        "select source, report ->> 'claimed' as claimed from jobqueue.drains where execution_id like 'console:%'",
      );
      expect(rows).toEqual([{ source: 'operator', claimed: '1' }]);
      const drains = await one("select count(*) from jobqueue.audit_log where actor = 'ann' and action = 'drain'");
      expect(drains).toBe('1');
    });

    test('lifts a block and resumes a connection', async () => {
      const { page } = ann;
      await sql.query("select jobqueue.block_1('whatsapp:42', 600000)");
      await sql
        .query("insert into companies (id, name) values ('comp_7', 'Seven') on conflict do nothing")
        .catch(() => undefined);
      await sql.query(
        "insert into connections (company_id, provider, paused_at, paused_code, paused_reason) values ('comp_7', 'bitrix24', now(), 'invalid_token', 'the webhook is gone')",
      );
      await page.goto('/incident');
      await page.getByRole('button', { name: 'End the block of whatsapp:42' }).click();
      await page.getByText('The block has ended.').waitFor();
      await page.getByRole('button', { name: 'Resume bitrix24 of comp_7' }).click();
      await page.getByText('The connection is resumed').waitFor();
      expect(await one('select count(*) from connections where paused_at is not null')).toBe('0');
      expect((await lastAudit()).action).toBe('connection.resume');
    });
  });

  test('a viewer sees every screen and no way to change anything', async () => {
    const { page, context, complaints } = await visit(browser, app.url);
    await signIn(page, VIEWER_SECRET, 'vera');
    for (const [path] of SCREENS) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).first().waitFor();
      const actions = page.getByRole('main').locator('form:not([method=get])');
      if (path !== '/imports') expect(await actions.count(), path).toBe(0);
    }
    expect(complaints).toEqual([]);
    await context.close();
  });
});

/** Tables that are wider than their place, and labels of charts that reach out of the drawing. */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const tables = [...document.querySelectorAll('.scroll')].filter(
      ({ scrollWidth, clientWidth }) => scrollWidth > clientWidth,
    );
    const labels = [...document.querySelectorAll<SVGTextElement>('svg text')].filter((label) => {
      const drawing = label.ownerSVGElement?.getBoundingClientRect();
      const { left, right } = label.getBoundingClientRect();
      return drawing !== undefined && (left < drawing.left || right > drawing.right);
    });
    return [...tables.map((table) => table.ariaLabel ?? ''), ...labels.map((label) => label.textContent)];
  });
}

/** Tells the page that another tab came to the front. */
async function hide(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((isHidden) => {
    Object.defineProperty(document, 'visibilityState', {
      configurable: true,
      get: () => (isHidden ? 'hidden' : 'visible'),
    });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}
