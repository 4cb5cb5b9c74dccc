/**
 * The big proof: 5,000 people, four drains in processes of their own that are killed again and again, every tenth answer lost,
 * signed webhooks that come late, twice, out of order or never. By the stand-in's own count nobody gets two messages, and no
 * limit of Meta's is met.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { startWhatsApp, type WhatsAppStandIn } from '../standins/whatsapp.ts';
import { PATIENT } from '../support/patient.ts';
import { programFile } from '../support/programs.ts';
import { type Campaigns, COMPANY, numbers, startCampaigns } from './campaigns.ts';
import { TOKEN } from './phones.ts';
import type { SenderOrders } from './programs/sender.ts';

const PEOPLE = 5_000;
const DRAINS = 4;
const NUMBER = '15550001';
const APP_SECRET = 'an-app-secret-of-the-tests';
/** Ours stays below Meta's, as in life: 20 of 80 by default. What lies between is the way from a token to the wire. */
const OURS_PER_SECOND = 250;
const METAS_PER_SECOND = 300;
/** After so many messages a drain is killed, and another takes its place. */
const KILL_AFTER = [300, 1_000, 1_700, 2_400, 3_100, 3_800];

let its: Campaigns;
let meta: WhatsAppStandIn;
let webhooks: Server;
const senders: ChildProcess[] = [];

afterEach(async () => {
  await Promise.all([...senders].map(kill));
  await meta.close();
  webhooks.closeAllConnections();
  await new Promise((closed) => webhooks.close(closed));
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await its.close();
  vi.unstubAllEnvs();
});

async function kill(sender: ChildProcess): Promise<void> {
  const ended = once(sender, 'close');
  sender.kill('SIGKILL');
  await ended;
  senders.splice(senders.indexOf(sender), 1);
}

const nameOf = ({ pid }: ChildProcess) => `sender-${pid}`;

/** The lease of what it held ends now: the row is moved, not the clock. Answers how many jobs that were. */
async function endLeasesOf(sender: ChildProcess): Promise<number> {
  const ended = await its.rows(
    `with ended as (
       update jobqueue.leases l set lease_until = now() - interval '1 second'
       from jobqueue.batches b, jobqueue.drains d
       where b.id = l.batch and d.id = b.drain and d.source = $1 and d.finished_at is null
       returning l.open)
     select from ended cross join lateral unnest(jobqueue.places_1(open))`,
    nameOf(sender),
  );
  return ended.length;
}

async function startSender(): Promise<void> {
  const sender = spawn(process.execPath, [programFile('campaignSender')], { stdio: ['pipe', 'pipe', 'inherit'] });
  senders.push(sender);
  sender.stdin.on('error', () => undefined); // killed before it read its orders
  await once(sender.stdout, 'data');
  const orders: SenderOrders = { url: its.url, whatsAppUrl: meta.origin, source: nameOf(sender) };
  sender.stdin.write(`${JSON.stringify(orders)}\n`);
}

/** The deployment's endpoint behind a port, as Meta would call it. */
async function startWebhooks(): Promise<string> {
  const { POST } = await import('../../api/_app/webhooks/whatsapp.ts');
  webhooks = createServer(PATIENT, async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const headers = { 'x-hub-signature-256': String(incoming.headers['x-hub-signature-256']) };
    const request = new Request('http://app/api/webhooks/whatsapp', {
      method: 'POST',
      headers,
      body: Buffer.concat(chunks),
    });
    const answer = await POST(request);
    outgoing.writeHead(answer.status).end(await answer.text());
  });
  webhooks.listen(0, '127.0.0.1');
  await once(webhooks, 'listening');
  return `http://127.0.0.1:${(webhooks.address() as AddressInfo).port}`;
}

test('whatever dies, nobody gets a campaign twice, everybody ends somewhere, and the report adds up', {
  timeout: 120_000,
}, async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY, { perSecond: OURS_PER_SECOND });
  await its.rows('update company_settings set whatsapp_phone_number_id = $1', NUMBER);
  vi.stubEnv('DATABASE_URL', its.url);
  vi.stubEnv('WHATSAPP_APP_SECRET', APP_SECRET);
  meta = await startWhatsApp({
    accessToken: TOKEN,
    phoneNumberId: NUMBER,
    appSecret: APP_SECRET,
    webhookUrl: await startWebhooks(),
    webhookFaults: { lost: 0.05, doubled: 0.1, reordered: true, delayMs: 50 },
    templates: [{ name: 'offer', language: 'en', category: 'MARKETING', status: 'APPROVED', parameters: 1 }],
    perSecond: METAS_PER_SECOND,
  });
  meta.faults.add({ reset: 'after', ratio: 0.1, times: null });
  const id = await its.create({ people: numbers(PEOPLE).map((phone) => ({ phone })), shards: DRAINS });
  await Promise.all(Array.from({ length: DRAINS }, startSender));

  let torn = 0;
  for (const [n, messages] of KILL_AFTER.entries()) {
    await vi.waitFor(() => expect(meta.messages.length).toBeGreaterThanOrEqual(messages), {
      timeout: 30_000,
      interval: 5,
    });
    const victim = senders[n % senders.length] as ChildProcess;
    await kill(victim);
    torn += await endLeasesOf(victim);
    void startSender();
  }
  await vi.waitFor(
    async () => {
      await its.resume(id); // the queue gives a job up whose function died three times in a row; an operator brings it back
      expect((await its.read(id)).report.pending).toBe(0);
    },
    { timeout: 40_000, interval: 250 },
  );
  await meta.flush();
  await Promise.all([...senders].map(kill));
  expect(torn).toBeGreaterThan(0); // else this was no chaos

  meta.faults.clear();
  process.env.WHATSAPP_BASE_URL = meta.origin;
  await its.rows(
    "update recipients set claimed_at = claimed_at - interval '2 hours', status_at = status_at - interval '2 hours'",
  );
  await its.rows("update jobqueue.leases set lease_until = now() - interval '1 second'");
  await its.resume(id);
  await its.drainUntilTrue(async () => {
    await its.makeDue();
    await its.rows("update recipients set status_at = status_at - interval '2 hours' where status = 'unknown'");
    await its.rows("update campaigns set settling_at = now() - interval '1 hour' where status = 'settling'");
    return (await its.read(id)).status === 'completed';
  });

  const copies = meta.deliveries();
  expect([...copies.values()].filter((n) => n > 1)).toEqual([]);
  expect(meta.refusedForRate).toBe(0);

  const { report } = await its.read(id);
  const { accepted, sent, delivered, read, failed, unconfirmed } = report;
  expect(report).toMatchObject({
    planned: PEOPLE,
    pending: 0,
    sending: 0,
    unknown: 0,
    deferred: { total: 0 },
    skipped: { total: 0 },
  });
  expect(accepted + sent + delivered + read + unconfirmed).toBe(PEOPLE);
  expect(failed.total).toBe(0);
  expect(copies.size).toBeGreaterThan(PEOPLE * 0.95); // a killed run costs what it had claimed, no more
  const reached = await its.rows<{ phone: string }>(
    "select phone_e164 as phone from recipients where status in ('accepted', 'sent', 'delivered', 'read')",
  );
  expect(reached.filter(({ phone }) => !copies.has(phone.slice(1)))).toEqual([]); // whoever counts as reached was
  expect(await its.rows('select used from portfolios')).toEqual([{ used: PEOPLE }]);
});
