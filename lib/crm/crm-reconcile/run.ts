/**
 * One page of changed leads at a time, one company after the other; what is behind it never changes again for this run. What was not
 * seen as it stands there is put into the inbox, as if its event had come: a list does not tell phones and e-mails.
 */

import { continueWith, type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import { z } from 'zod';
import { log } from '../../log.ts';
import { mapOf } from '../../providers/bitrix24.ts';
import { askOne, Later } from '../ask.ts';
import { type Arrival, storeArrivals } from '../inbox.ts';
import { changedAt, type Item, idOf } from '../mapping.ts';
import { crmOf } from '../settings.ts';

interface Payload {
  readonly companyId?: string | undefined;
}

/** The position of a run: this company, after this item, with changes from `fromMs` on. `startedMs` becomes the next cursor. */
const State = z.object({
  companyId: z.string(),
  afterId: z.number(),
  fromMs: z.number(),
  startedMs: z.number(),
  /** Refusals of the companies before it, in words. */
  refusals: z.array(z.string()).default([]),
});
type State = z.output<typeof State>;

/** The portal's clock and ours differ, and what it commits may be visible late. */
const OVERLAP_MS = 5 * 60_000;
/** A portal that was never asked: the last day is what a deploy or an outage can have missed. */
const FIRST_LOOK_MS = 24 * 3_600_000;
/** The portal's own page. */
const PAGE = 50;
/** The most refusals that an error lists. The log has all of them. */
const TOLD_REFUSALS = 10;
/** Then others have a turn. */
const PAGES_A_RUN = 20;

export const run: Handler<Payload> = (context) => reconcile(database(), context);

export async function reconcile(executor: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { payload, job, signal } = context;
  const left = State.safeParse(job.state);
  let state: State | null = left.success ? left.data : await nextCompany(executor, payload, null);
  const refusals = left.success ? left.data.refusals : [];
  let found = 0;
  for (let pages = 0; state !== null; pages++) {
    if (signal.aborted || pages >= PAGES_A_RUN) return continueWith({ ...state, refusals });
    try {
      const page = await onePage(executor, context, { ...state, refusals });
      found += page.found;
      state = page.next;
    } catch (error) {
      if (error instanceof Later) return error.next;
      throw error;
    }
  }
  if (refusals.length === 0) return { found };
  throw new NonRetryableError(`all portals were asked, and refused: ${refusals.join('; ')}`); // the next of the schedule asks them again
}

async function onePage(
  executor: Executor,
  context: JobContext<Payload>,
  state: State,
): Promise<{ found: number; next: State | null }> {
  const { companyId, afterId, fromMs } = state;
  const crm = await crmOf(executor, companyId);
  const nextOne = () => nextCompany(executor, context.payload, companyId);
  // A paused portal must not keep the others from being asked.
  if (crm === null || crm === 'paused') return { found: 0, next: await nextOne() };
  const asked = await askOne(
    { database: executor, context, companyId, crm, state },
    {
      method: 'crm.item.list',
      params: {
        entityTypeId: 1,
        filter: { '>id': afterId, '>=updatedTime': new Date(fromMs).toISOString() },
        select: ['id', 'updatedTime'],
        order: { id: 'ASC' },
        start: -1,
      },
    },
  );
  if (asked.kind === 'refused') {
    log.warn({ companyId, reason: asked.error.message }, 'crm_reconcile_refused');
    if (state.refusals.length < TOLD_REFUSALS) state.refusals.push(`${companyId}: ${asked.error.message}`);
    return { found: 0, next: await nextOne() };
  }
  const { items: listed } = mapOf(asked.result);
  const items = Array.isArray(listed) ? listed.map(mapOf) : [];
  const lastId = items.flatMap(({ id }) => idOf(id) ?? []).at(-1);
  const found = await storeArrivals(executor, companyId, await unseen(executor, state, items));
  if (items.length >= PAGE && lastId !== undefined) return { found, next: { ...state, afterId: Number(lastId) } };
  await executor.execute({
    text: `
      insert into crm_settings as s (company_id, reconciled_at) values ($1, to_timestamp($2::float8 / 1000))
      on conflict (company_id) do update set reconciled_at = greatest(s.reconciled_at, excluded.reconciled_at)`,
    params: [companyId, state.startedMs],
  });
  return { found, next: await nextOne() };
}

/** Without those whose last look was at this very state. Each run asks for the others once: their last look may have been too early. */
async function unseen(
  executor: Executor,
  { companyId, fromMs }: State,
  items: readonly Item[],
): Promise<readonly Arrival[]> {
  const listed = items.flatMap((item) => {
    const id = idOf(item.id);
    return id === null ? [] : [{ id, updatedTime: changedAt(item) }];
  });
  const seen = await executor.execute<{ item_id: string }>({
    text: `
      select k.external_id::text as item_id
      from jsonb_to_recordset($2::jsonb) as i(id bigint, "updatedTime" text)
      join crm_links k on k.company_id = $1 and k.external_id = i.id and k.seen ->> 'updatedTime' = i."updatedTime"`,
    params: [companyId, JSON.stringify(listed)],
  });
  const known = new Set(seen.map(({ item_id: id }) => id));
  return listed.flatMap(({ id, updatedTime }) => {
    const key = `${updatedTime}:${fromMs}`;
    return known.has(id) ? [] : [{ event: 'ONCRMLEADUPDATE', itemId: id, key }];
  });
}

/** The next company with a CRM of its own, in the order of their ids; null: that was the last. */
async function nextCompany(
  executor: Executor,
  { companyId: only }: Payload,
  after: string | null,
): Promise<State | null> {
  if (only !== undefined && after !== null) return null;
  const [row] = await executor.execute<{ company_id: string; now_ms: number; reconciled_ms: number | null }>({
    text: `
      select company_id, (extract(epoch from now()) * 1000)::float8 as now_ms,
             (extract(epoch from reconciled_at) * 1000)::float8 as reconciled_ms
      from crm_settings
      where ($1::text is null or company_id = $1) and ($2::text is null or company_id > $2)
      order by company_id
      limit 1`,
    params: [only ?? null, after],
  });
  if (row === undefined) return null;
  const { company_id: companyId, now_ms: startedMs, reconciled_ms: reconciledMs } = row;
  const fromMs = (reconciledMs ?? startedMs - FIRST_LOOK_MS) - OVERLAP_MS;
  return { companyId, afterId: 0, fromMs, startedMs, refusals: [] };
}
