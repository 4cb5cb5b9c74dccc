/** One run's sync: what it asks with, and what has become of its leads so far. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { judgeRefusals, type Refused } from '../../connections/refusals.ts';
import type { Asking, Told } from '../ask.ts';
import { type Arrival, storeArrivals } from '../inbox.ts';
import type { Crm } from '../settings.ts';
import { countUnanswered, type Holder, type Outcome, type Settled, settleLeads, type Waiting } from './links.ts';

export const LEAD = 1;

/**
 * So long an add without answer may still be under way, and absence proves nothing: 10 s to connect, the portal's own bound of a
 * minute, and some grace.
 */
export const UNDER_WAY_MS = 75_000;
/**
 * When a lead is given up: it was alone in its requests for some of this number, and asked for during an hour, in which the portal
 * answered others. An outage is not counted at all, and a portal that loses half of its answers loses not all of one lead's.
 */
const GIVE_UP = { requests: 8, afterMs: 3_600_000 };
/** Until then, from the fourth time on, it is asked for ever more rarely: each try without answer holds up the whole portal for a second. */
const ASK_AGAIN = { firstMs: 2_000, longestMs: 300_000, rarelyAfter: 3 };
/** A run that is told to end this soon after it asked says nothing about the portal. */
const PATIENCE_MS = 20_000;

export interface Sync {
  readonly executor: Executor;
  readonly asking: Asking;
  readonly companyId: string;
  readonly crm: Crm;
  readonly holder: Holder;
  readonly leads: readonly Waiting[];
  /** The start, by `performance.now()`. */
  readonly startedMs: number;
  readonly outcomes: Map<string, Settled>;
  /** Leads whose add may be under way, and how long to wait for it, ms. */
  readonly waitsMs: Map<string, number>;
  /** Leads of requests that got no answer: with how many they were in it; 0: it was no request that a lead can be to blame for. */
  readonly unanswered: Map<string, number>;
  /** The portal's answers about leads, by method. */
  readonly asked: Map<string, { accepted: number; refused: Refused[] }>;
  /** Changes made in the portal that no event has reported yet. */
  readonly news: Arrival[];
}

export function settle({ outcomes }: Sync, { id, version }: Waiting, outcome: Outcome): void {
  outcomes.set(id, { ...outcome, leadId: id, version });
}

/** Notes what was accepted and refused, and what is no answer for each of `asked`; answers those that have one, with it. */
export function answersOf<L extends { readonly lead: Waiting }>(
  sync: Sync,
  method: string,
  asked: readonly L[],
  told: readonly Told[],
  { blames = true } = {},
): readonly { readonly one: L; readonly answer: Extract<Told, { kind: 'done' | 'refused' }> }[] {
  const isUnknown = told.map((answer) => answer.kind === 'unknown');
  // Some without answer among others are to blame themselves.
  const alone = isUnknown.includes(false) ? 1 : asked.length;
  const company = blames ? alone : 0;
  const said = sync.asked.get(method) ?? { accepted: 0, refused: [] };
  sync.asked.set(method, said);
  return asked.flatMap((one, n) => {
    const answer = told[n];
    if (answer?.kind === 'done') said.accepted++;
    if (answer?.kind === 'refused' && answer.error.effect === 'permanent')
      said.refused.push({ record: one.lead.id, as: answer.error.message });
    if (answer?.kind === 'unknown') sync.unanswered.set(one.lead.id, company);
    return answer?.kind === 'done' || answer?.kind === 'refused' ? [{ one, answer }] : [];
  });
}

/** Leads without answer are no longer asked for in this run. */
export function remaining(sync: Sync, leads: readonly Waiting[]): Waiting[] {
  return leads.filter(({ id }) => !sync.outcomes.has(id) && !sync.unanswered.has(id) && !sync.waitsMs.has(id));
}

/**
 * Writes what became of each lead, whatever ended the run: those that are done are not asked for again. Answers when to ask again for
 * those that the portal did not answer, ms.
 */
export async function finish(sync: Sync): Promise<ReadonlyMap<string, number>> {
  const { executor, holder, outcomes, unanswered, companyId, news } = sync;
  const blamed = [...unanswered].flatMap(([id, company]) => (company > 0 && !wasCut(sync) ? [id] : []));
  const counts = await countUnanswered(executor, holder, blamed);
  const againMs = new Map<string, number>();
  for (const lead of sync.leads.filter(({ id }) => unanswered.has(id))) {
    const { count, forMs } = counts.get(lead.id) ?? { count: 0, forMs: 0 };
    againMs.set(
      lead.id,
      Math.min(ASK_AGAIN.firstMs * 2 ** Math.max(count - ASK_AGAIN.rarelyAfter, 0), ASK_AGAIN.longestMs),
    );
    if (count < GIVE_UP.requests || forMs < GIVE_UP.afterMs || unanswered.get(lead.id) !== 1) continue;
    const reason = `the portal answered none of ${count} requests for this lead, while it answered others`;
    settle(sync, lead, { kind: 'given_up', reason });
  }
  await holdRefused(sync);
  await settleLeads(executor, holder, [...outcomes.values()]);
  await storeArrivals(executor, companyId, news);
  return againMs;
}

/** Leads that are refused because the portal refuses all wait with their jobs, and are asked for again after a resume. */
async function holdRefused({ executor, companyId, asked, outcomes }: Sync): Promise<void> {
  const said = [...asked].map(([kind, one]) => ({ kind, ...one }));
  for (const id of await judgeRefusals(executor, { companyId, provider: 'bitrix24' }, said)) {
    const outcome = outcomes.get(id);
    if (outcome?.kind === 'refused') outcomes.set(id, { ...outcome, kind: 'held' });
  }
}

function wasCut({ asking, startedMs }: Sync): boolean {
  return asking.context.signal.aborted && performance.now() - startedMs < PATIENCE_MS;
}
