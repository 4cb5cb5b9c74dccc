/** Refusals, throttles and missing answers of Meta: each stops only as much as it must, and no person gets a message twice. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { retryUnconfirmed } from '../../lib/campaigns/controls.ts';
import { resumeConnection } from '../../lib/connections/connection.ts';
import { startStandIn } from '../standins/kit/stand-in.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';
import { programFile } from '../support/programs.ts';
import { type Campaigns, COMPANY, numbers, startCampaigns } from './campaigns.ts';

let its: Campaigns;
beforeAll(async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY);
});
afterAll(() => its.close());
beforeEach(async () => {
  its.phones.forget();
  process.env.WHATSAPP_BASE_URL = its.phones.origin;
  await its.rows(
    emptied(
      'campaigns',
      'recipients',
      'campaign_entries',
      'delivery_attempts',
      ...JOB_TABLES,
      'jobqueue.buckets',
      'connections',
    ),
  );
});

const people = (count: number) => numbers(count).map((phone) => ({ phone }));

/** Copies that each phone received, by the phones' own count. */
function copies(): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const { phone } of its.phones.deliveries) counted[phone] = (counted[phone] ?? 0) + 1;
  return counted;
}

const once = (count: number) => Object.fromEntries(numbers(count).map((phone) => [phone, 1]));

/** An address that a server used a moment ago. */
async function nobody(): Promise<string> {
  const gone = await startStandIn({ name: 'gone', handle: () => ({ status: 200, body: {} }), state: () => ({}) });
  await gone.close();
  return gone.origin;
}

/** Moves the rows, not the clock. */
const age = (id: string, interval: string) =>
  its.rows(
    `update recipients set status_at = status_at - $2::interval, claimed_at = claimed_at - $2::interval where campaign_id = $1`,
    id,
    interval,
  );

test('an answer of Meta that Postgres refuses loses no other answer: the person has failed, and the campaign goes on', async () => {
  const [odd = ''] = numbers(1);
  its.phones.refuse = (phone) => (phone === odd ? 131026 : null);
  await its.rows('alter table recipients add constraint no_such_code check (error_code <> 131026)');
  const id = await its.create({ people: people(30) });
  await its.drainUntil(id, 'settling');
  await its.rows('alter table recipients drop constraint no_such_code');
  expect((await its.read(id)).report).toMatchObject({ accepted: 29, unknown: 0, failed: { total: 1 } });
  expect(await its.rows("select error from recipients where status = 'failed'")).toEqual([
    { error: "the database refuses this row, because of the rule 'no such code'" },
  ]);
});

describe('a template that Meta refuses', () => {
  test('ends the campaign after the first call, also where four jobs send at once', async () => {
    its.phones.refuse = () => 132001;
    const id = await its.create({ people: people(200), shards: 4 });
    const isOver = async () => {
      const { status, report } = await its.read(id);
      return status === 'failed' && report.skipped.total === 199; // skipped by the run after the one that failed it
    };
    await its.drainUntilTrue(isOver, 4);
    await its.settled(id);
    expect(its.phones.counts.calls).toBe(1);
    expect(await its.read(id)).toMatchObject({
      failure: { code: '132001' },
      report: { planned: 200, failed: { total: 1 }, skipped: { total: 199, byReason: { campaign_failed: 199 } } },
    });
  });

  test('by webhook, after it was accepted: what is left is not sent', async () => {
    const id = await its.create({ people: people(60) });
    its.phones.refuse = (_, call) => (call > 20 ? 130429 : null);
    await its.drainUntilTrue(async () => its.phones.counts.calls > 20);
    await its.tell(id, 'failed', 132015);
    its.phones.refuse = () => null;
    await its.rows(emptied('jobqueue.buckets'));
    await its.makeDue();
    await its.drainUntil(id, 'paused');
    expect(its.phones.deliveries).toHaveLength(20);
    expect(await its.read(id)).toMatchObject({ pause: { code: '132015' } });
  });

  test('for a while pauses the campaign, and nobody has failed', async () => {
    its.phones.refuse = () => 132015;
    const id = await its.create({ people: people(50) });
    await its.drainUntil(id, 'paused');
    await its.settled(id);
    expect(await its.read(id)).toMatchObject({ pause: { code: '132015' }, report: { pending: 50 } });
    its.phones.refuse = () => null;
    await its.resume(id);
    await its.drainUntil(id, 'settling');
    expect(copies()).toEqual(once(50));
  });

  test.each([132001, 132015])(
    'with %i in one translation: who speaks it is written to in the campaign’s',
    async (code) => {
      await its.rows(
        `insert into templates (company_id, name, language, category, status, body, parameters)
       select company_id, name, 'ar', category, 'APPROVED', body, parameters from templates where language = 'en'`,
      );
      const people = numbers(6).map((phone, n) => ({ phone, ...(n % 2 === 0 && { language: 'ar' }) }));
      const id = await its.create({ people });
      its.phones.refuseLanguage = (language) => (language === 'ar' ? code : null);
      await its.drainUntil(id, 'settling');
      expect(its.phones.deliveries.map(({ language }) => language)).toEqual(Array(6).fill('en'));
      expect(copies()).toEqual(once(6));
      expect(await its.rows("select status <> 'APPROVED' as dropped from templates where language = 'ar'")).toEqual([
        { dropped: true },
      ]);
      await its.rows("delete from templates where language = 'ar'");
    },
  );
});

describe('what a message was filled in with, refused by Meta', () => {
  test.each([132005, 132000, 132012, 132018, 131008, 131009])(
    '%i of one person among many fails that message alone',
    async (code) => {
      const [, long = ''] = numbers(2);
      its.phones.refuse = (phone) => (phone === long ? code : null);
      const id = await its.create({ people: people(30) });
      await its.drainUntil(id, 'settling');
      expect(await its.read(id)).toMatchObject({ report: { accepted: 29, failed: { total: 1, byCode: [{ code }] } } });
    },
  );

  test('of the very first person stops nothing', async () => {
    const [first = ''] = numbers(1);
    its.phones.refuse = (phone) => (phone === first ? 132005 : null);
    const id = await its.create({ people: people(30) });
    await its.drainUntil(id, 'settling');
    expect(await its.statuses(id)).toMatchObject({ [first]: 'failed' });
    expect(its.phones.deliveries).toHaveLength(29);
  });

  test('of everybody is the template’s fault: the campaign pauses after three calls, and goes on when it is mended', async () => {
    its.phones.refuse = () => 132012;
    const id = await its.create({ people: people(200), shards: 4 });
    await its.drainUntil(id, 'paused', 4);
    await its.settled(id);
    expect(its.phones.counts.calls).toBe(3);
    expect(await its.read(id)).toMatchObject({
      pause: { code: '132012' },
      report: { pending: 197, failed: { total: 3 } },
    });
    its.phones.refuse = () => null;
    await its.resume(id);
    await its.drainUntil(id, 'settling');
    expect(its.phones.deliveries).toHaveLength(197);
  });

  test('of a person by webhook, after others were delivered, is that person’s alone', async () => {
    const id = await its.create({ people: people(30) });
    its.phones.refuse = (_, call) => (call > 20 ? 130429 : null);
    await its.drainUntilTrue(async () => its.phones.counts.calls > 20);
    for (const phone of numbers(5)) await its.tellOne(id, phone, 'failed', 132005);
    its.phones.refuse = () => null;
    await its.rows(emptied('jobqueue.buckets'));
    await its.makeDue();
    await its.drainUntil(id, 'settling');
    expect(await its.read(id)).toMatchObject({ report: { accepted: 25, failed: { total: 5 } } });
  });
});

test('a translation with a gap that the campaign does not fill stops nobody: its speakers get the campaign’s own', async () => {
  await its.rows(
    `insert into templates (company_id, name, language, category, status, body, parameters)
     select company_id, name, 'ar', category, 'APPROVED', '{{1}} {{2}}', parameters || '[{"component": "body", "name": "2"}]'
     from templates where language = 'en'`,
  );
  const id = await its.create({ people: numbers(4).map((phone) => ({ phone, language: 'ar' })) });
  await its.drainUntil(id, 'settling');
  expect(its.phones.deliveries.map(({ language }) => language)).toEqual(Array(4).fill('en'));
  await its.rows("delete from templates where language = 'ar'");
});

test('a revoked token pauses the connection and loses nobody: the campaign goes on when it is mended', async () => {
  its.phones.refuse = (_, call) => (call > 30 ? 190 : null);
  const id = await its.create({ people: people(100) });
  await its.drainUntilTrue(
    async () => (await its.rows('select from connections where paused_at is not null')).length === 1,
  );
  const calls = its.phones.counts.calls;
  expect(await its.read(id)).toMatchObject({ status: 'running', report: { failed: { total: 0 } } });
  await its.makeDue();
  await its.drain({ limit: 1 });
  expect(its.phones.counts.calls).toBe(calls); // paused means that nobody asks Meta
  its.phones.refuse = () => null;
  await resumeConnection(its.database, { companyId: COMPANY, provider: 'whatsapp' });
  await its.makeDue();
  await its.drainUntil(id, 'settling');
  expect(copies()).toEqual(once(100));
  const [job] = await its.rows<{ attempt: number }>("select attempt from jobqueue.jobs where type = 'campaign_send'");
  expect(job?.attempt).toBeLessThanOrEqual(1);
});

test('a spam limit pauses the campaign for an operator, and who was refused still waits', async () => {
  its.phones.refuse = (_, call) => (call > 5 ? 131048 : null);
  const id = await its.create({ people: people(60) });
  await its.drainUntil(id, 'paused');
  await its.settled(id);
  const { pause, report } = await its.read(id);
  expect(pause).toMatchObject({ code: '131048' });
  expect(report.failed.total).toBe(0);
  expect(report.accepted + report.pending).toBe(60);
  its.phones.refuse = () => null;
  await its.resume(id);
  await its.drainUntil(id, 'settling');
  expect(copies()).toEqual(once(60));
});

test('a campaign of which too many messages fail pauses itself; resumed, its past is forgiven', async () => {
  its.phones.refuse = (_, call) => (call % 3 === 0 ? null : 131026);
  const id = await its.create({ people: people(300), failureRatio: 0.5, failureSample: 30 });
  await its.drainUntil(id, 'paused');
  const { pause, report } = await its.read(id);
  expect(pause).toMatchObject({ code: 'failure_ratio' });
  expect(report.pending).toBeGreaterThan(200); // it took the sample and what was claimed beside it
  its.phones.refuse = () => null;
  await its.resume(id);
  await its.drainUntil(id, 'settling');
  expect((await its.read(id)).report).toMatchObject({ planned: 300, pending: 0 });
});

describe('throttled', () => {
  test('as a number: all wait, nobody is lost, and it is no attempt of anybody', async () => {
    its.phones.refuse = (_, call) => (call >= 10 && call < 12 ? 130429 : null);
    const id = await its.create({ people: people(80) });
    await its.drainUntilTrue(async () => its.phones.counts.calls >= 12);
    await its.drainUntil(id, 'settling');
    expect(copies()).toEqual(once(80));
    expect(await its.rows('select from recipients where attempt <> 1')).toEqual([]);
    const gaps = its.phones.deliveries.map(({ atMs }, n, all) => atMs - (all[n - 1]?.atMs ?? atMs));
    expect(Math.max(...gaps)).toBeGreaterThan(900); // 4^0 s, less what was under way
  });

  test('as a pair: only this person waits', async () => {
    const [busy = ''] = numbers(1);
    let refusals = 0;
    its.phones.refuse = (phone) => (phone === busy && refusals++ === 0 ? 131056 : null);
    const id = await its.create({ people: people(50) });
    await its.drainUntilTrue(async () => its.phones.deliveries.length === 49);
    expect(await its.read(id)).toMatchObject({
      status: 'running',
      report: { deferred: { total: 1, byReason: { pair_limit: 1 } } },
    });
    await its.rows("update recipients set next_at = now() where status = 'deferred'");
    await its.rows(emptied('jobqueue.buckets'));
    await its.makeDue();
    await its.drainUntil(id, 'settling');
    expect(copies()).toEqual(once(50));
  });

  test('by other messages to one person: that person is held back by the shared bucket, and no call is wasted', async () => {
    const [busy = ''] = numbers(1);
    await its.rows(
      'insert into jobqueue.buckets (key, refilled_at, tokens, per_second, burst) values ($1, now(), 0, 0.16, 10)',
      `wa:pair:number-${COMPANY}:${busy}`,
    );
    const id = await its.create({ people: people(30) });
    await its.drainUntilTrue(async () => its.phones.deliveries.length === 29);
    expect(its.phones.counts.calls).toBe(29);
    expect(await its.statuses(id)).toMatchObject({ [busy]: 'deferred' });
  });
});

describe('Meta’s own cap per person', () => {
  test.each(['at once', 'by webhook'])('told %s: waited out for a day, once', async (how) => {
    const [capped = '', other = ''] = numbers(2);
    if (how === 'at once') its.phones.refuse = (phone) => (phone === capped ? 131049 : null);
    const id = await its.create({ people: people(2) });
    await its.drainUntilTrue(async () => its.phones.counts.calls === 2);
    await its.settled(id);
    if (how === 'by webhook') await its.tellOne(id, capped, 'failed', 131049);
    await its.makeDue();
    await its.drainUntilTrue(async () => (await its.statuses(id))[capped] === 'deferred');
    const [{ hours } = { hours: 0 }] = await its.rows<{ hours: number }>(
      "select (extract(epoch from next_at - now()) / 3600)::float8 as hours from recipients where status = 'deferred'",
    );
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThan(27);
    await its.rows("update recipients set next_at = now() where status = 'deferred'");
    await its.makeDue();
    await its.drainUntilTrue(async () => its.phones.counts.calls === 3);
    await its.settled(id);
    if (how === 'by webhook') await its.tellOne(id, capped, 'failed', 131049);
    await its.tellOne(id, other, 'delivered');
    await its.makeDue();
    await its.drainUntil(id, 'completed');
    expect(await its.statuses(id)).toEqual({ [capped]: 'failed', [other]: 'delivered' });
    expect(its.phones.counts.calls).toBe(3);
  });
});

test('who stopped marketing at Meta is opted out here too', async () => {
  const [gone = ''] = numbers(1);
  its.phones.refuse = (phone) => (phone === gone ? 131050 : null);
  const id = await its.create({ people: people(3) });
  await its.drainUntil(id, 'settling');
  expect(await its.rows('select phone_e164, scope, source from opt_outs')).toEqual([
    { phone_e164: gone, scope: 'marketing', source: 'delivery_error' },
  ]);
  expect((await its.read(id)).report).toMatchObject({ optOuts: 1, failed: { total: 1 } });
  await its.rows(emptied('opt_outs'));
});

describe('an outage', () => {
  test('in which nobody listens: all wait without an attempt, and go out when it is over', async () => {
    process.env.WHATSAPP_BASE_URL = await nobody();
    const id = await its.create({ people: people(60), shards: 2 });
    await its.drainUntilTrue(async () => (await its.rows('select from connections where failures >= 2')).length === 1);
    expect((await its.read(id)).report).toMatchObject({ pending: 60, failed: { total: 0 }, unknown: 0 });
    process.env.WHATSAPP_BASE_URL = its.phones.origin;
    await its.rows(emptied('jobqueue.buckets'));
    await its.makeDue();
    await its.drainUntil(id, 'settling');
    expect(copies()).toEqual(once(60));
    expect(await its.rows('select from recipients where attempt <> 1')).toEqual([]);
    expect(await its.rows('select from connections where failing_since is not null')).toEqual([]);
    const jobs = await its.rows<{ attempt: number }>('select attempt from jobqueue.jobs');
    expect(jobs.every(({ attempt }) => attempt <= 1)).toBe(true);
  });

  test('in which calls end without an answer: few are made, and none is made again', async () => {
    its.phones.faults.add({ reset: 'after', times: null });
    const id = await its.create({ people: people(100) });
    await its.drainUntilTrue(async () => (await its.rows('select from connections where failures >= 2')).length === 1);
    const called = its.phones.deliveries.length;
    expect(called).toBeLessThanOrEqual(41); // a first, and two batches at most
    expect((await its.read(id)).report).toMatchObject({ unknown: called, pending: 100 - called });
    its.phones.faults.clear();
    await its.rows(emptied('jobqueue.buckets'));
    await its.makeDue();
    await its.drainUntil(id, 'settling');
    expect(copies()).toEqual(once(100));
  });
});

describe('a message of which nobody knows whether it was sent', () => {
  async function lost(options: { resendUnknown?: boolean } = {}): Promise<{ id: string; phone: string }> {
    const [phone = ''] = numbers(1);
    const id = await its.create({ people: people(20), ...options });
    its.phones.faults.add({ reset: 'after', times: 1 });
    await its.drainUntil(id, 'settling');
    expect((await its.read(id)).report).toMatchObject({ unknown: 1, accepted: 19 });
    return { id, phone };
  }

  test('is told of by a webhook under its opaque id', async () => {
    const { id } = await lost();
    await its.tell(id, 'delivered');
    await its.makeDue();
    await its.drainUntil(id, 'completed');
    expect((await its.read(id)).report).toMatchObject({ delivered: 20, unknown: 0, unconfirmed: 0 });
    expect(copies()).toEqual(once(20));
  });

  test('is unconfirmed after a quarter of an hour if webhooks of later ones came, after an hour if none did', async () => {
    const { id } = await lost();
    await age(id, '20 minutes');
    await its.makeDue();
    await its.drain({ limit: 1 });
    expect((await its.read(id)).report).toMatchObject({ unknown: 1 }); // perhaps it is the webhooks that are late
    await its.tellAllBut(id, 'unknown', 'delivered');
    await its.makeDue();
    await its.drainUntil(id, 'completed');
    expect((await its.read(id)).report).toMatchObject({ planned: 20, delivered: 19, unconfirmed: 1 });
    const silent = await lost();
    await age(silent.id, '61 minutes');
    await its.rows("update campaigns set settling_at = now() - interval '1 hour'");
    await its.makeDue();
    await its.drainUntil(silent.id, 'completed');
    expect((await its.read(silent.id)).report).toMatchObject({ accepted: 19, unconfirmed: 1 });
    expect(copies()).toEqual(Object.fromEntries(numbers(20).map((phone) => [phone, 2]))); // two campaigns
  });

  test('is sent again when an operator says so, once', async () => {
    const { id } = await lost();
    await age(id, '61 minutes');
    await its.tellAllBut(id, 'unknown', 'delivered');
    await its.makeDue();
    await its.drainUntil(id, 'completed');
    const [first, second] = await Promise.all([retryUnconfirmed(its.database, id), retryUnconfirmed(its.database, id)]);
    expect(first.retried + second.retried).toBe(1);
    await its.drainUntil(id, 'settling', 2);
    expect(its.phones.deliveries).toHaveLength(21);
    await its.tell(id, 'delivered');
    await its.makeDue();
    await its.drainUntil(id, 'completed');
    expect((await its.read(id)).report).toMatchObject({ planned: 20, delivered: 20, unconfirmed: 0 });
  });

  test('is sent again by itself only in a campaign that says so, and only after the wait', async () => {
    const { id } = await lost({ resendUnknown: true });
    await age(id, '61 minutes');
    await its.makeDue();
    await its.drainUntilTrue(async () => its.phones.deliveries.length === 21);
    await its.settled(id);
    expect((await its.read(id)).report).toMatchObject({ accepted: 20, unknown: 0 });
  });

  test('whose run died is never sent again: its claim becomes unknown, by whoever runs next', async () => {
    const id = await its.create({ people: people(10) });
    const [phone = ''] = numbers(1);
    await its.rows("update templates set status = 'PAUSED'");
    await its.drainUntil(id, 'paused');
    await its.rows("update templates set status = 'APPROVED'");
    await its.rows(
      "update recipients set status = 'sending', claim_id = gen_random_uuid(), claimed_at = now() - interval '3 minutes', attempt = 1, opaque_id = 'cvr_dead' where phone_e164 = $1",
      phone,
    );
    await its.rows(
      "insert into delivery_attempts (opaque_id, company_id, recipient_id, attempt) select opaque_id, company_id, id, 1 from recipients where opaque_id = 'cvr_dead'",
    );
    await its.resume(id);
    await its.drainUntil(id, 'settling');
    expect(copies()[phone]).toBeUndefined();
    expect(await its.statuses(id)).toMatchObject({ [phone]: 'unknown' });
    expect(await its.rows("select outcome from delivery_attempts where opaque_id = 'cvr_dead'")).toEqual([
      { outcome: 'unknown' },
    ]);
  });
});

test('an outcome that comes after the database has refused one ends in an error, and does not spin for ever', async () => {
  const program = promisify(execFile)(process.execPath, [programFile('campaignLedger')], {
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  expect((await program).stdout).toBe('refused, refused\n');
}, 30_000);

test('a webhook that is quicker than our own answer stands', async () => {
  const id = await its.create({ people: people(1) });
  its.phones.answered = async ({ opaqueId }) => {
    await its.rows(
      `select apply_statuses($1, jsonb_build_array(jsonb_build_object('opaqueId', $2::text, 'wamid', 'wamid.early', 'status', 'read', 'atMs', 0)))`,
      COMPANY,
      opaqueId,
    );
  };
  await its.drainUntil(id, 'completed');
  expect((await its.read(id)).report).toMatchObject({ read: 1 });
});
