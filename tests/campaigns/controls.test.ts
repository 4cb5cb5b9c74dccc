/** Operators and limits: pausing, resuming and cancelling under way, doubled requests, people per day, campaigns beside each other. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancel, pause, resume, retryUnconfirmed } from '../../lib/campaigns/controls.ts';
import { recipientsFile } from '../../lib/campaigns/recipients-file.ts';
import { atOnce } from '../support/at-once.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';
import { type Campaigns, COMPANY, numbers, startCampaigns } from './campaigns.ts';

let its: Campaigns;
beforeAll(async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY);
  await its.addCompany('beta');
});
afterAll(() => its.close());
beforeEach(async () => {
  its.phones.forget();
  await its.rows(
    emptied(
      'campaigns',
      'recipients',
      'campaign_entries',
      'delivery_attempts',
      'portfolios',
      'portfolio_people',
      'conversations',
      ...JOB_TABLES,
      'jobqueue.buckets',
      'jobqueue.idempotency_keys',
    ),
  );
  await its.rows('update company_settings set whatsapp_daily_people = null, whatsapp_portfolio_id = null');
});

const people = (count: number, from = 0) => numbers(count, from).map((phone) => ({ phone }));
const reached = () => new Set(its.phones.deliveries.map(({ phone }) => phone)).size;

/** Meta takes its time: there is something under way whenever a test acts. */
function slowly(ms: number): void {
  its.phones.faults.add({ delayMs: ms, times: null });
}

describe('under way', () => {
  test('a pause stops the claims, what was called is recorded, and a resume sends the rest once', async () => {
    slowly(100);
    const id = await its.create({ people: people(150), shards: 2 });
    await its.drainUntilTrue(async () => {
      if (its.phones.deliveries.length < 30) return false;
      await pause(its.database, id);
      await its.settled(id);
      return true;
    }, 2);
    const paused = await its.read(id);
    expect(paused).toMatchObject({ status: 'paused', pause: { code: 'operator' } });
    expect(paused.report.accepted).toBe(its.phones.deliveries.length);
    expect(paused.report.pending).toBe(150 - paused.report.accepted);
    await its.makeDue();
    await its.drain({ limit: 4 });
    expect(its.phones.deliveries).toHaveLength(paused.report.accepted);
    its.phones.faults.clear();
    await Promise.all([resume(its.database, id), resume(its.database, id), resume(its.database, id)]);
    await its.drainUntil(id, 'settling', 2);
    expect([its.phones.deliveries.length, reached()]).toEqual([150, 150]);
  });

  test('a cancel skips who waits and lets end what was called; nothing brings it back', async () => {
    slowly(100);
    const id = await its.create({ people: people(150) });
    await its.drainUntilTrue(async () => {
      if (its.phones.deliveries.length < 20) return false;
      await cancel(its.database, id);
      return true;
    });
    await its.makeDue();
    await its.drain({ limit: 2 });
    const { status, report } = await its.read(id);
    expect(status).toBe('cancelled');
    expect(report).toMatchObject({ pending: 0, sending: 0, accepted: its.phones.deliveries.length });
    expect(report.skipped.byReason).toEqual({ cancelled: 150 - report.accepted });
    await expect(resume(its.database, id)).rejects.toMatchObject({ status: 409, code: 'campaign_status' });
    expect(await cancel(its.database, id)).toMatchObject({ status: 'cancelled' }); // twice is once
  });

  test('of two who cancel at once, both hear that it is', async () => {
    const id = await its.create({ people: people(3) });
    const once = (executor: Executor) => cancel(executor, id);
    const both = await atOnce(its.database, once, once);
    expect(both.map(({ status }) => status)).toEqual(['cancelled', 'cancelled']);
  });

  test('a cancel before anything was planned ends it, and its list is gone', async () => {
    const id = await its.create({ people: people(10) });
    await cancel(its.database, id);
    await its.drain({ limit: 2 });
    expect(await its.read(id)).toMatchObject({ status: 'cancelled', report: { planned: 0 } });
    expect(await its.rows('select from campaign_entries')).toEqual([]);
    expect(its.phones.counts.calls).toBe(0);
  });

  test('a pause while it is planned goes on with the plan where it stood', async () => {
    const id = await its.create({ people: people(700) });
    await its.rows('update campaigns set plan_position = 0');
    await pause(its.database, id);
    await its.drain({ limit: 1 });
    expect(await its.read(id)).toMatchObject({ status: 'paused', report: { planned: 0 } });
    await resume(its.database, id);
    await its.drainUntil(id, 'settling');
    expect((await its.read(id)).report).toMatchObject({ planned: 700, accepted: 700 });
  }, 40_000);

  test('a job that died for good is brought back by a resume', async () => {
    const id = await its.create({ people: people(5) });
    await its.rows('delete from jobqueue.jobs');
    await its.rows('delete from jobqueue.idempotency_keys'); // as a dead letter leaves it
    await resume(its.database, id);
    await resume(its.database, id);
    expect(await its.rows('select from jobqueue.jobs')).toHaveLength(1);
    await its.drainUntil(id, 'settling');
    expect(reached()).toBe(5);
  });
});

describe('doubled', () => {
  test('the same campaign posted twice at once is one, and everybody gets one message', async () => {
    const given = { id: 'spring-2026', people: people(40), shards: 2 };
    await Promise.all([its.create(given), its.create(given), its.create(given)]);
    expect(await its.rows('select from jobqueue.jobs')).toHaveLength(2);
    await its.drainUntil('spring-2026', 'settling', 4);
    expect([its.phones.deliveries.length, reached()]).toEqual([40, 40]);
    await expect(its.create({ ...given, name: 'Another' })).rejects.toMatchObject({
      status: 409,
      code: 'campaign_exists',
    });
  });

  test('jobs of one campaign that somebody enqueued beside its own send nothing twice', async () => {
    const id = await its.create({ people: people(120) });
    await its.queue.addJobs(
      Array.from({ length: 3 }, () => ({ type: 'campaign_send' as const, payload: { campaignId: id } })),
    );
    await its.drainUntil(id, 'settling', 4);
    expect([its.phones.deliveries.length, reached()]).toEqual([120, 120]);
  });

  test('a job that names another company reaches nothing', async () => {
    const id = await its.create({ people: people(2) });
    await its.rows('delete from jobqueue.jobs');
    await its.queue.addJob('campaign_send', { campaignId: id, companyId: 'beta' });
    await its.drain({ limit: 1 });
    expect(its.phones.counts.calls).toBe(0);
    expect(await its.rows('select status from public."JobQueue"')).toEqual([{ status: 'DEAD_LETTER' }]);
  });
});

describe('people per 24 hours', () => {
  const counted = async () => {
    const [row] = await its.rows<{ used: number; rows: number }>(
      'select used, (select count(*)::int from portfolio_people) as rows from portfolios',
    );
    return row;
  };

  test('four drains and two campaigns of two companies stop exactly at the portfolio’s limit, and go on when there is room', async () => {
    await its.rows("update company_settings set whatsapp_daily_people = 100, whatsapp_portfolio_id = 'shared'");
    const first = await its.create({ people: people(90), shards: 4 });
    const second = await its.create({
      companyId: 'beta',
      people: people(90, 1_000),
      shards: 4,
    });
    await its.drainUntilTrue(async () => {
      const both = await Promise.all([its.read(first), its.read(second)]);
      return both.every(({ status }) => status === 'paused' || status === 'settling') && reached() >= 100;
    }, 4);
    expect(reached()).toBe(100);
    expect(await counted()).toEqual({ used: 100, rows: 100 });
    const paused = (await Promise.all([its.read(first), its.read(second)])).filter(({ status }) => status === 'paused');
    expect(paused.length).toBeGreaterThan(0);
    for (const { pause, pausedUntil, report } of paused) {
      expect(pause).toMatchObject({ code: 'portfolio_limit' });
      expect(Date.parse(pausedUntil ?? '') - Date.now()).toBeGreaterThan(23.9 * 3_600_000);
      expect(report.failed.total).toBe(0);
    }
    await its.rows("update portfolio_people set last_at = last_at - interval '25 hours'");
    await its.rows("update campaigns set paused_until = now() where status = 'paused'");
    await its.makeDue();
    await its.drainUntilTrue(async () => reached() === 180, 4);
    expect(its.phones.deliveries).toHaveLength(180);
    expect(await counted()).toEqual({ used: 80, rows: 80 });
  });

  test('who wrote within the day, or was written to already, takes no place', async () => {
    await its.rows('update company_settings set whatsapp_daily_people = 10 where company_id = $1', COMPANY);
    const [known = '', wrote = ''] = numbers(2);
    await its.rows(
      'insert into conversations (company_id, phone_e164, last_inbound_at) values ($1, $2, now())',
      COMPANY,
      wrote,
    );
    const first = await its.create({ people: [{ phone: known }] });
    await its.drainUntil(first, 'settling');
    const second = await its.create({ people: [...people(2), ...people(9, 100)] });
    await its.drainUntil(second, 'settling');
    expect(await counted()).toEqual({ used: 10, rows: 10 });
    expect(reached()).toBe(11);
  });

  test('a message that Meta refused, or that never left, gives its place back', async () => {
    await its.rows('update company_settings set whatsapp_daily_people = 10 where company_id = $1', COMPANY);
    its.phones.refuse = (phone) => (phone.endsWith('1') ? 131026 : null);
    const id = await its.create({ people: people(11) }); // …0 to …10, of which …1 is refused
    await its.drainUntil(id, 'settling');
    expect((await its.read(id)).report).toMatchObject({ accepted: 10, failed: { total: 1 } });
    expect(await counted()).toEqual({ used: 10, rows: 10 });
  });

  test('a campaign that has used them up does not stop another company’s', async () => {
    await its.rows('update company_settings set whatsapp_daily_people = 5 where company_id = $1', COMPANY);
    const full = await its.create({ people: people(20) });
    const other = await its.create({ companyId: 'beta', people: people(20, 500) });
    await its.drainUntil(other, 'settling');
    await its.drainUntil(full, 'paused');
    expect((await its.read(other)).report.accepted).toBe(20);
    expect((await its.read(full)).report).toMatchObject({ accepted: 5, pending: 15 });
  });
});

test('a company without a number pauses its campaign and says so; a draft waits to be started', async () => {
  await its.rows("update company_settings set whatsapp_access_token = null where company_id = 'beta'");
  const id = await its.create({ companyId: 'beta', draft: true });
  expect(await its.rows('select from jobqueue.jobs')).toEqual([]);
  await resume(its.database, id);
  await its.drainUntil(id, 'paused');
  expect(await its.read(id)).toMatchObject({ pause: { code: 'not_configured' } });
  await its.rows(
    "update company_settings set whatsapp_access_token = (select whatsapp_access_token from company_settings where company_id = $1) where company_id = 'beta'",
    COMPANY,
  );
});

test('messages go out no faster than the company’s number may, whoever sends', async () => {
  await its.rows('update company_settings set whatsapp_per_second = 20 where company_id = $1', COMPANY);
  const id = await its.create({ people: people(70), shards: 3 });
  await its.drainUntil(id, 'settling', 3);
  expect(its.phones.deliveries).toHaveLength(70);
  expect(its.phones.excess({ perSecond: 20, burst: 20 })).toBeLessThanOrEqual(0);
  await its.rows('update company_settings set whatsapp_per_second = 1000');
});

describe('the report', () => {
  test('adds up, in words, with what Meta bills and how people answered', async () => {
    const [a = '', b = '', c = ''] = numbers(3);
    its.phones.refuse = (phone) => (phone === c ? 131026 : null);
    const id = await its.create({
      people: [...people(3), { phone: 'nobody' }],
      prices: { currency: 'USD', marketing: 0.05 },
    });
    await its.drainUntil(id, 'settling');
    await its.tell(id, 'read');
    const [{ conversation } = { conversation: '' }] = await its.rows<{ conversation: string }>(
      'insert into conversations (company_id, phone_e164, last_inbound_at) values ($1, $2, now()) returning id::text as conversation',
      COMPANY,
      a,
    );
    await its.rows(
      "insert into messages (company_id, conversation_id, direction, author, status, body) values ($1, $2::bigint, 'inbound', 'customer', 'received', 'hi')",
      COMPANY,
      conversation,
    );
    await its.rows('insert into opt_outs (company_id, phone_e164) values ($1, $2)', COMPANY, b);
    await its.makeDue();
    await its.drainUntil(id, 'completed');
    const { report } = await its.read(id);
    expect(report).toMatchObject({
      planned: 4,
      read: 2,
      failed: { total: 1, byCode: [{ code: 131026, count: 1, meaning: 'the person cannot be reached by WhatsApp' }] },
      skipped: { total: 1, byReason: { invalid_phone: 1 } },
      replies: 1,
      optOuts: 1,
      cost: { currency: 'USD', total: 0.1, byCategory: [{ category: 'marketing', billed: 2, free: 0, cost: 0.1 }] },
    });
    const { skipped, pending, deferred, sending, accepted, sent, delivered, read, failed, unknown, unconfirmed } =
      report;
    const all = [
      skipped.total,
      pending,
      deferred.total,
      sending,
      accepted,
      sent,
      delivered,
      read,
      failed.total,
      unknown,
      unconfirmed,
    ];
    expect(all.reduce((total, n) => total + n, 0)).toBe(report.planned);
    await its.rows(emptied('opt_outs'));
  });

  test('as a CSV runs no formula in a spreadsheet and keeps commas and quotes', async () => {
    const [phone = ''] = numbers(1);
    const KOSOVAR = '+38344123456'; // whose country has no time zone of its own
    const id = await its.create({
      people: [{ phone, name: '=HYPERLINK("x"), "Ann"' }, { phone: '-12' }, { phone: KOSOVAR }],
    });
    await its.drainUntil(id, 'settling');
    const text = await new Response(await recipientsFile(its.database, id)).text();
    const lines = text.split('\r\n');
    expect(lines[0]).toBe(
      '\ufeffphone,name,status,reason,error_code,meaning,attempts,status_at,category,billable,clock'.slice(1),
    );
    expect(lines[1]).toMatch(new RegExp(`^\\${phone},"'=HYPERLINK\\(""x""\\), ""Ann""",accepted,,,,1,`));
    expect(lines[1]).toMatch(/,country: Asia\/Dubai$/);
    expect(lines[2]).toMatch(/^'-12,,skipped,invalid_phone,,a spreadsheet calculated with this number;/);
    expect(lines[3]).toMatch(/^\+38344123456,.*,nearest: Europe\/Belgrade$/);
    expect(await recipientsFile(its.database, 'no-such-campaign')).toBeNull();
  });

  test('an unconfirmed message of a campaign that was cancelled is not sent again', async () => {
    const id = await its.create({ people: people(2) });
    await cancel(its.database, id);
    await expect(retryUnconfirmed(its.database, id)).rejects.toMatchObject({ status: 409 });
    await expect(pause(its.database, 'no-such-campaign')).rejects.toMatchObject({ status: 404 });
  });
});
