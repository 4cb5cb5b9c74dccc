/** Fourth: some of them answer, and are answered: by a model where that is allowed, else by a draft that waits for a person. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { COMPANY } from '../company.ts';
import { share, type WatchOptions, watch } from '../progress.ts';
import type { Systems } from '../systems.ts';

/** Typical answers to such a message, in the order that people send them. */
const WRITTEN = [
  'Hello! Is it still available?',
  'I would like to visit it on Saturday',
  'How much does it cost?',
  'مرحبا، أريد زيارة الشقة',
  'STOP',
  'We look for a villa with four bedrooms',
  'This is a terrible way to sell, I want to complain',
] as const;

export interface Replied {
  /** People who wrote. */
  readonly written: number;
  /** Messages that the model answered, that wait for a person, and that opted out. */
  readonly answered: number;
  readonly review: number;
  readonly optedOut: number;
}

export async function answerReplies(
  database: Executor,
  systems: Systems,
  { campaignId, ...options }: WatchOptions & { readonly campaignId: string },
): Promise<Replied> {
  const people = await reachedBy(database, campaignId);
  const since = await lastMessage(database);
  const writing = people.map((phone, n) => [phone, WRITTEN[n] ?? WRITTEN[0]] as const);
  for (const [phone, text] of writing) {
    options.print(`Replies   +${phone} writes: ${text}`);
    await systems.say(phone, text);
  }
  const look = async () => {
    const { written, answered, review, optedOut, live } = await readReplies(database, since);
    return {
      written,
      answered,
      review,
      optedOut,
      done: share(Math.min(answered + review + optedOut, writing.length), writing.length),
      says: `${answered} answered, ${review} for a person to decide, ${optedOut} opted out`,
      isOver: written >= writing.length && live === 0,
    };
  };
  return watch(look, options);
}

async function reachedBy(database: Executor, campaignId: string): Promise<string[]> {
  const rows = await database.execute<{ phone: string }>({
    text: `
      select substr(phone_e164, 2) as phone from recipients
      where campaign_id = $1 and status in ('delivered', 'read')
      order by id
      limit $2`,
    params: [campaignId, WRITTEN.length],
  });
  return rows.map(({ phone }) => phone);
}

async function lastMessage(database: Executor): Promise<string> {
  const [row] = await database.execute<{ id: string }>({
    text: 'select coalesce(max(id), 0)::text as id from messages where company_id = $1',
    params: [COMPANY],
  });
  return row?.id ?? '0';
}

async function readReplies(database: Executor, since: string) {
  const [row] = await database.execute<Replied & { live: number }>({
    text: `
      with inbound as (
        select m.id, m.conversation_id, v.phone_e164
        from messages m
        join conversations v on v.id = m.conversation_id
        where m.company_id = $1 and m.id > $2::bigint and m.direction = 'inbound'
      )
      select (select count(*)::int from inbound) as written,
             count(*) filter (where g.status = 'auto_sent' and a.status not in ('queued', 'sending'))::int as answered,
             count(*) filter (where g.status in ('review', 'blocked', 'drafted', 'skipped', 'failed')
                              and o.phone_e164 is null)::int as review,
             count(*) filter (where o.phone_e164 is not null)::int as "optedOut",
             (select count(*)::int from jobqueue.live_jobs
              where type in ('whatsapp_event', 'ai_generation', 'message_send')) as live
      from inbound i
      left join generations g on g.trigger_message_id = i.id
      left join messages a on a.id = g.message_id
      left join opt_outs o on o.company_id = $1 and o.phone_e164 = i.phone_e164 and o.lifted_at is null`,
    params: [COMPANY, since],
  });
  return row as NonNullable<typeof row>;
}
