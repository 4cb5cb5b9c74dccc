/** Final checks, against the database and against the remote systems' own counts. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Executor } from '@conversure/jobqueue/postgres';
import { COMPANY } from './company.ts';
import type { Systems } from './systems.ts';

export interface Check {
  readonly claim: string;
  readonly holds: boolean;
}

/** The rest of the work: a schedule's job that happens to run, the last webhooks. */
const QUIET_MS = 60_000;
const LOOK_MS = 250;

interface Rest {
  readonly jobs: number;
  readonly dead: number;
  readonly recipients: number;
  readonly messages: number;
}

/** Looks until nothing moves any more, or a minute long. */
export async function proofOf(
  database: Executor,
  systems: Systems,
  {
    campaignId,
    since,
    wait: skip,
  }: { readonly campaignId: string; readonly since: Date; readonly wait: () => Promise<void> },
): Promise<readonly Check[]> {
  const endAtMs = Date.now() + QUIET_MS;
  let rest = await readRest(database, since);
  while ((rest.jobs > 0 || (await systems.messages()).webhooksWaiting > 0) && Date.now() < endAtMs) {
    await skip();
    await wait(LOOK_MS);
    rest = await readRest(database, since);
  }
  const [{ messages, refusedForRate, mostPerSecond }, { leadsPerOrigin }, sent] = await Promise.all([
    systems.messages(),
    systems.portal(),
    readSent(database, campaignId, since),
  ]);
  const invitations = countBy(messages.filter(({ opaqueId }) => sent.campaign.has(opaqueId ?? '')).map(({ to }) => to));
  const replies = countBy(messages.flatMap(({ opaqueId }) => sent.replies.get(opaqueId ?? '') ?? []));
  const origins = sent.leads.map((id) => leadsPerOrigin[`lead:${id}`] ?? 0);
  const stuck = rest.jobs + rest.recipients + rest.messages;
  return [
    {
      claim: `nobody was messaged twice: WhatsApp counts ${sum(invitations)} invitations to ${invitations.size} people, at most ${most(invitations)} each`,
      holds: most(invitations) <= 1,
    },
    {
      claim: `nobody was answered twice: ${sum(replies)} replies and confirmations, at most ${most(replies)} to a person who wrote once`,
      holds: most(replies) <= 1,
    },
    {
      claim: `no lead was created twice: the portal counts ${origins.filter((n) => n > 0).length} of ${sent.leads.length} leads, at most ${Math.max(0, ...origins)} each`,
      holds: origins.every((n) => n <= 1),
    },
    {
      claim: `WhatsApp refused ${refusedForRate} calls for their rate; at most ${mostPerSecond} a second came through`,
      holds: refusedForRate === 0,
    },
    {
      claim: `nothing is stuck: ${rest.jobs} jobs due or running, ${rest.recipients} recipients and ${rest.messages} messages under way, ${rest.dead} dead letters`,
      holds: stuck === 0 && rest.dead === 0,
    },
  ];
}

async function readRest(database: Executor, since: Date): Promise<Rest> {
  const [row] = await database.execute<Rest>({
    text: `
      select (select count(*)::int from jobqueue.live_jobs
              where payload ->> 'companyId' = $1 or type = 'whatsapp_event' or lease_until is not null) as jobs,
             (select count(*)::int from jobqueue.finished_jobs
              where status = 'DEAD_LETTER' and finished_at >= $2 and (payload ->> 'companyId' = $1 or type = 'whatsapp_event')) as dead,
             (select count(*)::int from recipients
              where company_id = $1 and status in ('pending', 'sending', 'unknown')) as recipients,
             (select count(*)::int from messages where company_id = $1 and status in ('queued', 'sending')) as messages`,
    params: [COMPANY, since.toISOString()],
  });
  return row as NonNullable<typeof row>;
}

interface Sent {
  /** Opaque ids of the campaign's calls. */
  readonly campaign: ReadonlySet<string>;
  /** The person of each reply of this run, by opaque id. Each wrote once. */
  readonly replies: ReadonlyMap<string, string>;
  readonly leads: readonly string[];
}

async function readSent(database: Executor, campaignId: string, since: Date): Promise<Sent> {
  const [campaign, replies, leads] = await Promise.all([
    database.execute<{ id: string }>({
      text: `select a.opaque_id as id from delivery_attempts a join recipients r on r.id = a.recipient_id
             where a.company_id = $1 and r.campaign_id = $2`,
      params: [COMPANY, campaignId],
    }),
    database.execute<{ id: string; phone: string }>({
      text: `select a.opaque_id as id, v.phone_e164 as phone
             from delivery_attempts a join messages m on m.id = a.message_id join conversations v on v.id = m.conversation_id
             where a.company_id = $1 and m.created_at >= $2`,
      params: [COMPANY, since.toISOString()],
    }),
    database.execute<{ id: string }>({ text: 'select id::text from leads where company_id = $1', params: [COMPANY] }),
  ]);
  return {
    campaign: new Set(campaign.map(({ id }) => id)),
    replies: new Map(replies.map(({ id, phone }) => [id, phone])),
    leads: leads.map(({ id }) => id),
  };
}

function countBy(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
const most = (counts: ReadonlyMap<string, number>) => Math.max(0, ...counts.values());
