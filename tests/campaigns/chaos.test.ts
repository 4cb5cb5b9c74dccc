/**
 * The big proof: 5,000 people, four drains in processes of their own that are killed again and again, every tenth answer lost,
 * webhooks that come late, twice, out of order or never. By the phones' own count nobody gets two messages.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { endLeases } from '../queue/support.ts';
import { type Campaigns, COMPANY, numbers, startCampaigns } from './campaigns.ts';
import type { SenderOrders } from './programs/sender.ts';

const PROGRAM = fileURLToPath(new URL('programs/sender.ts', import.meta.url));
const PEOPLE = 5_000;
const DRAINS = 4;
const LIMIT = { perSecond: 250, burst: 250 };
/** After so many deliveries a drain is killed, and another takes its place. */
const KILL_AFTER = [300, 1_000, 1_700, 2_400, 3_100, 3_800];

let its: Campaigns;
const senders: ChildProcess[] = [];

afterEach(async () => {
  await Promise.all([...senders].map(kill));
  await its.close();
});

async function kill(sender: ChildProcess): Promise<void> {
  const ended = once(sender, 'close');
  sender.kill('SIGKILL');
  await ended;
  senders.splice(senders.indexOf(sender), 1);
}

const nameOf = ({ pid }: ChildProcess) => `sender-${pid}`;

/** The lease of what it held ends now: the row is moved, not the clock. */
async function endLeasesOf(sender: ChildProcess): Promise<void> {
  await its.rows(
    `update jobqueue.jobs set lease_until = now() - interval '1 second'
     where lease_until is not null
       and id in (select unnest(running) from jobqueue.drains where source = $1 and finished_at is null)`,
    nameOf(sender),
  );
}

async function startSender(): Promise<void> {
  const sender = spawn(process.execPath, ['--import', 'tsx', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  senders.push(sender);
  sender.stdin.on('error', () => undefined); // killed before it read its orders
  await once(sender.stdout, 'data');
  const orders: SenderOrders = { url: its.url, whatsAppUrl: its.phones.origin, source: nameOf(sender) };
  sender.stdin.write(`${JSON.stringify(orders)}\n`);
}

/** Tells of what was delivered since the last time, as Meta does: most of it, in any order, some twice, some never. */
function webhooks() {
  let told = 0;
  return async () => {
    const fresh = its.phones.deliveries.slice(told);
    told += fresh.length;
    const statuses = fresh.flatMap(({ opaqueId, wamid }, n) => {
      const of = (status: string) => ({
        opaqueId,
        wamid,
        status,
        atMs: Date.now(),
        category: 'marketing',
        billable: true,
      });
      if (n % 25 === 0) return []; // lost
      return n % 3 === 0 ? [of('delivered'), of('sent')] : [of('sent'), of('delivered'), of('delivered')];
    });
    await its.rows('select apply_statuses($1, $2::jsonb)', COMPANY, JSON.stringify(statuses));
  };
}

test('whatever dies, nobody gets a campaign twice, everybody ends somewhere, and the report adds up', {
  timeout: 120_000,
}, async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY, { perSecond: LIMIT.perSecond });
  its.phones.faults.add({ reset: 'after', ratio: 0.1, times: null });
  const id = await its.create({ people: numbers(PEOPLE).map((phone) => ({ phone })), shards: DRAINS });
  await Promise.all(Array.from({ length: DRAINS }, startSender));
  const tell = webhooks();

  for (const [n, deliveries] of KILL_AFTER.entries()) {
    await vi.waitFor(() => expect(its.phones.deliveries.length).toBeGreaterThanOrEqual(deliveries), {
      timeout: 30_000,
      interval: 5,
    });
    const victim = senders[n % senders.length] as ChildProcess;
    await kill(victim);
    await endLeasesOf(victim);
    void startSender();
    await tell();
  }
  await vi.waitFor(
    async () => {
      await tell();
      await its.resume(id); // the queue gives a job up whose function died three times in a row; an operator brings it back
      expect((await its.read(id)).report.pending).toBe(0);
    },
    { timeout: 40_000, interval: 250 },
  );
  await Promise.all([...senders].map(kill));
  const { report: before } = await its.read(id);
  expect(before.sending + before.unknown).toBeGreaterThan(0); // else this was no chaos

  its.phones.faults.clear();
  await its.rows(
    "update recipients set claimed_at = claimed_at - interval '2 hours', status_at = status_at - interval '2 hours'",
  );
  await endLeases(its.database);
  await tell();
  await its.resume(id);
  await its.drainUntilTrue(async () => {
    await its.makeDue();
    await its.rows("update recipients set status_at = status_at - interval '2 hours' where status = 'unknown'");
    await its.rows("update campaigns set settling_at = now() - interval '1 hour' where status = 'settling'");
    return (await its.read(id)).status === 'completed';
  });

  const copies = new Map<string, number>();
  for (const { phone } of its.phones.deliveries) copies.set(phone, (copies.get(phone) ?? 0) + 1);
  expect([...copies.values()].filter((n) => n > 1)).toEqual([]);
  expect(its.phones.excess(LIMIT)).toBeLessThanOrEqual(0);

  const { report } = await its.read(id);
  const { accepted, sent, delivered, failed, unconfirmed } = report;
  expect(report).toMatchObject({
    planned: PEOPLE,
    pending: 0,
    sending: 0,
    unknown: 0,
    deferred: { total: 0 },
    skipped: { total: 0 },
  });
  expect(accepted + sent + delivered + unconfirmed).toBe(PEOPLE);
  expect(failed.total).toBe(0);
  expect(copies.size).toBeGreaterThanOrEqual(accepted + sent + delivered); // whoever counts as reached was
  expect(copies.size).toBeGreaterThan(PEOPLE * 0.95); // a killed run costs what it had claimed, no more
  const wrong = await its.rows<{ phone: string }>(
    "select phone_e164 as phone from recipients where status in ('accepted', 'sent', 'delivered')",
  );
  expect(wrong.filter(({ phone }) => !copies.has(phone))).toEqual([]);
  expect(await its.rows('select used from portfolios')).toEqual([{ used: PEOPLE }]);
});
