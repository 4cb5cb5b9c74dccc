/**
 * The position of a drain in each lane. A cursor keeps claims fast while dead rows pile up behind it, but misses jobs that become
 * due there.
 */
import { byPlace } from '../core/lane-order.ts';
import type { Claim, ExchangeReply, Lane, LaneName } from '../postgres/statements/exchange.ts';

/** Jobs that fall due behind a cursor (retries, long enqueue transactions, ended leases) wait at most this long. */
const CURSOR_MS = 1_000;

export class LaneCursors {
  #lanes: readonly Lane[] | null = null;
  #known: readonly Lane[] = [];
  #foundAtMs = Number.NEGATIVE_INFINITY;
  /** The lane at which the next look begins, because each look sees a part of very many. */
  #past: LaneName | null = null;
  /** The result of all looks since the first lane. */
  #foundJobs = false;
  #nextDueAtMs = Number.POSITIVE_INFINITY;
  /** The last claim took all that was due. */
  exhausted = false;
  /** The last claim met rescued jobs beyond its free slots; as they start at once or not at all, the next waits for a slot. */
  needsSlot = false;

  /** The lanes to probe; null to have them found anew. */
  current(nowMs: number): readonly Lane[] | null {
    if (nowMs - this.#foundAtMs >= CURSOR_MS) this.#lanes = null;
    return this.#lanes;
  }

  /** The lane behind which the next look begins, as a claim says it. */
  get start(): Pick<Claim, 'past'> {
    return this.#past === null ? {} : { past: this.#past };
  }

  /** The last look ended with the last lane, and no look since the first one has found a job. */
  get allEmpty(): boolean {
    return this.#past === null && !this.#foundJobs;
  }

  /** When the next job of the lanes seen falls due, ms from `nowMs`; null if none is known. */
  nextDueInMs(nowMs: number): number | null {
    return this.#nextDueAtMs === Number.POSITIVE_INFINITY ? null : Math.max(0, this.#nextDueAtMs - nowMs);
  }

  /** Every lane last seen of these types. */
  ofTypes(types: readonly string[]): readonly Lane[] {
    return this.#known.filter(([, type]) => types.includes(type));
  }

  note(claim: Claim, answer: ExchangeReply, nowMs: number): void {
    if (claim.lanes === null && claim.past === undefined) {
      this.#foundJobs = false;
      this.#nextDueAtMs = Number.POSITIVE_INFINITY;
    }
    this.#foundJobs ||= answer.jobs.length + answer.crashed.length > 0;
    if (answer.nextDueInMs !== null) this.#nextDueAtMs = Math.min(this.#nextDueAtMs, nowMs + answer.nextDueInMs);
    if (answer.lanes !== null) {
      this.#past = answer.past ?? null; // without the functions of this release Postgres does not say
      this.#lanes = answer.lanes;
      this.#known = answer.lanes;
      this.#foundAtMs = nowMs;
    }
    this.exhausted = answer.exhausted;
    this.needsSlot = !answer.exhausted && answer.jobs.length < claim.limit && answer.jobs.length <= claim.free;
    if (answer.exhausted || answer.jobs.length < claim.limit) this.#lanes = null;
    this.#lanes = this.#lanes && advance(this.#lanes, answer);
  }
}

/** Moves each lane's cursor behind its last claimed job; never back, as answers of overlapping exchanges may come out of order. */
function advance(lanes: readonly Lane[], answer: ExchangeReply): readonly Lane[] {
  const last = new Map<string, { priority: number; dueAt: string; id: string }>();
  for (const job of answer.jobs) {
    const key = `${job.queue}\n${job.type}\n${job.priority}`;
    const before = last.get(key);
    if (!before || byPlace(before, job) < 0) last.set(key, job);
  }
  return lanes.map((lane): Lane => {
    const [queue, type, priority, dueAt, id, hasPeers] = lane;
    const job = last.get(`${queue}\n${type}\n${priority}`);
    if (!job || (dueAt !== null && id !== null && byPlace({ priority, dueAt, id }, job) >= 0)) return lane;
    return [queue, type, priority, job.dueAt, job.id, hasPeers];
  });
}
