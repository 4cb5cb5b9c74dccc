/**
 * The reference model: what may happen to a job, said once more and shortly. It compares the committed state from commit to commit with the
 * statement that was committed, and with what the handlers did.
 */

import type { Statement } from '../../src/postgres/database.ts';
import type { VirtualClock } from './clock.ts';
import type { Sent, SimulatedProcess } from './process.ts';
import type { Answer } from './server.ts';
import type { BatchState, EndedJob, LiveJob, Snapshot } from './snapshot.ts';
import { Violation } from './violation.ts';
import { LIMIT, type Run, type Witness } from './work.ts';

/** The statement behind a commit. */
export interface Committed {
  readonly name: string;
  readonly statement: Statement;
  readonly process: SimulatedProcess;
  readonly answer: Answer;
  /** Its `now()`. */
  readonly atMs: number;
  /** Nobody else has committed since it began, and nobody has anything uncommitted. */
  readonly isAlone: boolean;
}

const NEVER_MS = Date.UTC(9000, 0);
const EMPTY: Snapshot = {
  live: new Map(),
  ended: new Map(),
  batches: [],
  keys: [],
  links: [],
  pauses: [],
  buckets: [],
};
/** The precision of an instant that travels as a number. */
const EPSILON_MS = 0.0005;

type To = 'completed' | 'dead_letter' | 'cancelled' | 'retry' | 'give_back' | 'continue';

/** An exchange as step_2 was asked for it. */
interface Exchange {
  readonly again: boolean;
  /** By place, as are all below. */
  readonly outcomes: ReadonlyMap<string, To>;
  readonly checkpoints: ReadonlySet<string>;
  readonly running: ReadonlySet<string>;
  readonly lost: ReadonlySet<string>;
  readonly claim: {
    readonly types: Readonly<Record<string, number>>;
    readonly excluded: readonly string[];
    readonly lanes: readonly (readonly [string, string, number, string | null, string | null])[] | null;
    readonly past?: unknown;
  } | null;
  readonly exhausted: boolean;
  readonly crashed: readonly string[];
}

export class Model implements Witness {
  readonly #clock: VirtualClock;
  #state: Snapshot = EMPTY;
  readonly #leases = new Map<string, number>();
  readonly #holders = new Map<string, SimulatedProcess>();
  readonly #revoked = new Set<string>();
  readonly #accepted = new Set<string>();
  readonly #runs = new Map<string, Run[]>();
  readonly #starts: number[] = [];
  #violation: Violation | null = null;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** The state as of the latest commit: the same object until the next. */
  get state(): Snapshot {
    return this.#state;
  }

  /** Every job has ended, but for parents whose child has failed for good. */
  get isAtRest(): boolean {
    return [...this.#state.live.values()].every((job) => job.due > NEVER_MS && this.#waitsForFailure(job.id));
  }

  /** An enqueue was answered: its jobs are there now. */
  accepted(ids: readonly string[]): void {
    this.#told(() => {
      for (const id of ids) {
        this.#accepted.add(id);
        if (!this.#state.live.has(id) && !this.#state.ended.has(id)) fail(`job ${id} was accepted and is nowhere`);
      }
    });
  }

  mayFail(error: unknown): boolean {
    return error instanceof Error && 'code' in error && (error.code === 'lock_timeout' || error.code === '55P03');
  }

  /** Postgres refused a statement: only waiting for a key may end that way. */
  refused(name: string, error: Error): void {
    if (/^(add_|repla)/.test(name) && 'code' in error && error.code === '55P03') return;
    fail(`Postgres refused ${name}: ${'code' in error ? error.code : ''} ${error.message}`);
  }

  /** A statement waits for a lock. One that only claims never waits, but for the same claim sent twice. */
  waits(name: string, statement: Statement, others: readonly Sent[]): void {
    if (name !== 'step_2') return;
    const [drain, completed, , settlements, running] = statement.params.map(String) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const { claim, chores } = JSON.parse(drain);
    if (completed !== '{}' || settlements !== '[]' || running !== '[]' || chores) return;
    if (others.some((other) => String(other.statement.params[0]).includes(claim))) return;
    fail('a claim waits for a lock');
  }

  killed(process: SimulatedProcess): void {
    for (const runs of this.#runs.values()) for (const run of runs) if (run.process === process) run.isRunning = false;
  }

  /** A violation that a process has shown by what it did: thrown there, it would only be a failure of that process. */
  get violation(): Violation | null {
    return this.#violation;
  }

  started(run: Run): void {
    this.#told(() => this.#started(run));
  }

  #told(check: () => void): void {
    try {
      check();
    } catch (violation) {
      this.#violation ??= violation as Violation;
    }
  }

  #started(run: Run): void {
    const now = this.#clock.nowMs;
    const earlier = this.#runs.get(run.id) ?? [];
    for (const other of earlier) {
      if (other.fence === run.fence) fail(`job ${run.id} was started twice under fence ${run.fence}`);
      if (!other.isRunning || this.#revoked.has(at(other.id, other.fence))) continue;
      const lease = this.#leases.get(at(other.id, other.fence)) ?? 0;
      if (lease > now) fail(`job ${run.id} started while it ran elsewhere, ${lease - now} ms before that lease ends`);
    }
    this.#runs.set(run.id, [...earlier, run]);
    if (run.type === 'limited') this.#startedLimited(now);
    const { links, live } = this.#state;
    const waitsFor = links.find((link) => link.parent === run.id && !link.done && live.has(run.id));
    if (waitsFor) fail(`parent ${run.id} started before its child ${waitsFor.child} had ended`);
  }

  #startedLimited(now: number): void {
    this.#starts.push(now);
    for (const [n, from] of this.#starts.entries()) {
      const count = this.#starts.length - n;
      const most = LIMIT.burst + (LIMIT.perSecond * (now - from)) / 1000 + 1e-6;
      if (count > most) fail(`${count} starts of a limited type within ${now - from} ms, at most ${most}`);
    }
  }

  /** The state after a commit; without a statement: at the beginning. */
  look(after: Snapshot, by: Committed | null): void {
    const before = this.#state;
    this.#state = after;
    if (by === null) return;
    const exchange = by.name === 'step_2' ? exchangeOf(by) : null;
    for (const id of new Set([
      ...before.live.keys(),
      ...before.ended.keys(),
      ...after.live.keys(),
      ...after.ended.keys(),
    ])) {
      const was = before.live.get(id) ?? before.ended.get(id);
      const live = after.live.get(id);
      const ended = after.ended.get(id);
      if (live && ended) fail(`job ${id} is live and ended`);
      if (!live && !ended) fail(`job ${id} is nowhere after ${by.name}`);
      if (!was) {
        if (!live || !(live.follows ? exchange : /^(add_|transaction|fire)/.test(by.name)))
          fail(`job ${id} came out of ${by.name}`);
        else if (live.place !== null) this.#claimed(live, by);
      } else if ('status' in was) {
        if (ended) sameEnd(was, ended, by);
        else if (live) revived(was, live, by);
      } else if (live) {
        this.#stayed(was, live, by, exchange);
      } else if (ended) this.#finished(was, ended, by, exchange);
    }
    for (const batch of after.batches) checkBatch(batch);
    checkFollowUps(before, after, by);
    checkKeys(after);
    checkSlots(after);
    checkBuckets(before, after, by);
    this.#checkFlows(before, after);
    if (exchange && by.isAlone) checkOrder(before, after, by, exchange);
  }

  #stayed(was: LiveJob, is: LiveJob, by: Committed, exchange: Exchange | null): void {
    const { id } = was;
    const settles = settlesNow(was, exchange);
    const hasLeft = was.place !== null && is.place !== was.place;
    const isLost = was.place !== null && exchange?.lost.has(was.place) === true;
    if (is.fence < was.fence) fail(`the fence of job ${id} fell from ${was.fence} to ${is.fence}`);
    if (is.fence > was.fence + 1) fail(`the fence of job ${id} rose from ${was.fence} to ${is.fence} at once`);
    const expired = hasLeft && !settles && (was.lease ?? 0) < by.atMs;
    if (is.place !== was.place && is.place !== null) {
      if (!exchange) fail(`job ${id} was claimed by ${by.name}`);
      if (is.fence === was.fence) fail(`job ${id} was claimed anew under fence ${is.fence}`);
      if (was.lease !== null && was.lease >= by.atMs + EPSILON_MS && !settles)
        fail(`job ${id} was taken ${was.lease - by.atMs} ms before its lease ends`);
      if (is.due > by.atMs + EPSILON_MS) fail(`job ${id} was claimed ${is.due - by.atMs} ms before it is due`);
      this.#claimed(is, by);
    } else if (is.fence !== was.fence) fail(`the fence of job ${id} rose without a claim, by ${by.name}`);
    else if (is.place !== null && is.lease !== was.lease) fail(`the lease of job ${id} moved while it was held`);
    if (hasLeft && !settles && !expired)
      fail(`job ${id} left its batch by ${by.name} ${(was.lease ?? 0) - by.atMs} ms before its lease ends`);
    if (is.rescues > was.rescues) this.#rescued(was, expired);
    const counted = expectedAttempts(was, exchange, { settles, expired });
    if (!counted.includes(is.attempt))
      fail(`job ${id} has ${is.attempt} attempts after ${by.name}, expected ${counted.join(' or ')}`);
    if (is.attempt > is.maxAttempts) fail(`job ${id} has ${is.attempt} attempts of ${is.maxAttempts}`);
    if (settles && !isLost && !hasLeft) fail(`an outcome of job ${id} was answered as settled and is not recorded`);
    if (settles && isLost) fail(`an outcome of job ${id} was refused although its holder sent it`);
  }

  #claimed({ id, fence, lease }: LiveJob, by: Committed): void {
    this.#leases.set(at(id, fence), lease ?? 0);
    this.#holders.set(at(id, fence), by.process);
  }

  #rescued(was: LiveJob, expired: boolean): void {
    if (!expired) fail(`job ${was.id} was rescued while its lease lasts`);
    const holder = this.#holders.get(at(was.id, was.fence));
    if (holder?.isAlive && !holder.wasHit)
      fail(`job ${was.id} was rescued from ${holder.name}, which nothing had happened to`);
  }

  #finished(was: LiveJob, is: EndedJob, by: Committed, exchange: Exchange | null): void {
    const { id } = was;
    const outcome = was.place === null ? undefined : exchange?.outcomes.get(was.place);
    const settles = settlesNow(was, exchange);
    const crashed =
      exchange !== null && is.status === 'DEAD_LETTER' && was.rescues >= 2 && (was.lease ?? Infinity) < by.atMs;
    const cancelled = is.status === 'CANCELLED' && by.name === 'cancel_1';
    const told = { COMPLETED: 'completed', DEAD_LETTER: 'dead_letter', CANCELLED: 'cancelled' }[is.status];
    if (!crashed && !cancelled && !(settles && outcome === told))
      fail(`job ${id} ended ${is.status} by ${by.name} without such an outcome under fence ${was.fence}`);
    if (is.fence < was.fence) fail(`the fence of job ${id} fell from ${was.fence} to ${is.fence} at its end`);
    if (is.status === 'COMPLETED') {
      if (is.attempt !== was.attempt + 1) fail(`job ${id} completed with attempt ${is.attempt} after ${was.attempt}`);
      if (!this.#runs.get(id)?.some(({ fence }) => fence === was.fence)) fail(`job ${id} completed and never ran`);
    }
    if (is.attempt > was.attempt + 1) fail(`job ${id} ended with attempt ${is.attempt} after ${was.attempt}`);
    if (cancelled) this.#revoked.add(at(id, was.fence));
    if (settles && exchange?.lost.has(was.place ?? ''))
      fail(`the outcome of job ${id} ended it and was answered as lost`);
  }

  #checkFlows(before: Snapshot, after: Snapshot): void {
    const were = new Map(before.links.map((link) => [link.child, link.done]));
    for (const { parent, child, done } of after.links) {
      const status = after.ended.get(child)?.status;
      const waiting = after.live.get(parent);
      if (done && were.get(child) === false && !status)
        fail(`parent ${parent} hears that its child ${child} ended, and it has not`);
      if (done && were.get(child) === false && status !== 'COMPLETED' && waiting?.whenChildFails !== 'run')
        fail(`parent ${parent} no longer waits for its child ${child}, which is ${status}`);
      if (!done && waiting && (status === 'COMPLETED' || (status && waiting.whenChildFails === 'run')))
        fail(`parent ${parent} has not heard that its child ${child} is ${status}`);
      if (!done && waiting && waiting.due < NEVER_MS)
        fail(`parent ${parent} is due before its child ${child} has ended`);
    }
    for (const job of after.live.values())
      if (job.due > NEVER_MS && !after.links.some((link) => link.parent === job.id && !link.done))
        fail(`parent ${job.id} waits for nothing`);
  }

  #waitsForFailure(id: string): boolean {
    return this.#state.links.some((link) => {
      if (link.parent !== id || link.done) return false;
      const status = this.#state.ended.get(link.child)?.status;
      return status ? status !== 'COMPLETED' : this.#waitsForFailure(link.child);
    });
  }

  /** At the end of a world: nothing is left over. */
  atRest(): void {
    for (const job of this.#state.live.values())
      if (!(job.due > NEVER_MS && this.#waitsForFailure(job.id)))
        fail(`job ${job.id} is not ended, though nothing has kept drains from it: ${JSON.stringify(job)}`);
    for (const id of this.#accepted)
      if (!this.#state.ended.has(id) && !this.#state.live.has(id)) fail(`job ${id} was accepted and is nowhere`);
  }
}

function fail(message: string): never {
  throw new Violation(message);
}

function at(id: string, fence: number): string {
  return `${id}@${fence}`;
}

/** The exchange carries an outcome of the job at the place where it was open. */
function settlesNow({ place }: LiveJob, exchange: Exchange | null): boolean {
  return place !== null && exchange?.outcomes.has(place) === true;
}

function expectedAttempts(
  was: LiveJob,
  exchange: Exchange | null,
  { settles, expired }: { readonly settles: boolean; readonly expired: boolean },
): readonly number[] {
  const place = was.place ?? '';
  const to = settles ? exchange?.outcomes.get(place) : null;
  if (to === 'continue') return [0];
  // a checkpoint that was on its way for longer than the lease is stored first, and then the same exchange may take the job over
  const attempt = exchange?.checkpoints.has(place) ? 0 : was.attempt;
  if (to === 'retry') return [attempt + 1];
  const hasStarted = was.hasStarted || exchange?.running.has(place) === true;
  return expired && hasStarted ? [attempt, attempt + 1] : [attempt];
}

/** Every job of a batch is open or has one outcome, and the outcomes are numbered without a gap. */
function checkBatch({ batch, ids, open, settled, settlements }: BatchState): void {
  const masks = [open, ...settlements.flatMap(({ done, gone, taken }) => [done, gone, taken])];
  for (const mask of masks)
    if (mask !== null && mask.length !== ids.length)
      fail(`a mask of batch ${batch} has ${mask.length} places for ${ids.length} jobs`);
  for (const [n, id] of ids.entries()) {
    const count = masks.filter((mask) => mask?.[n] === '1').length;
    if (count !== 1) fail(`job ${id} of batch ${batch} is open or has ended there ${count} times, expected once`);
  }
  if (open !== null && !open.includes('1')) fail(`batch ${batch} is leased and has no open job`);
  if (settlements.some(({ n }, at) => n !== at + 1)) fail(`the outcomes of batch ${batch} are not numbered one by one`);
  if (settled !== null && settled !== settlements.length)
    fail(`batch ${batch} has ${settlements.length} settlements and counts ${settled}`);
}

function sameEnd(was: EndedJob, is: EndedJob, by: Committed): void {
  if (was.status !== is.status || was.fence !== is.fence || was.attempt !== is.attempt)
    fail(
      `job ${was.id} ended ${was.status} under fence ${was.fence}, and ${is.status} under ${is.fence} after ${by.name}`,
    );
}

function revived(was: EndedJob, is: LiveJob, by: Committed): void {
  if (!/^repla/.test(by.name)) fail(`job ${was.id} was ${was.status} and lives again after ${by.name}`);
  if (is.fence <= was.fence) fail(`job ${was.id} was replayed with fence ${is.fence}, and had ${was.fence}`);
  if (is.attempt !== 0) fail(`job ${was.id} was replayed with ${is.attempt} attempts`);
}

/** Each job of type `urgent` that ends is followed by one of type `after`, which is there with that very commit; nothing else is. */
function checkFollowUps(before: Snapshot, after: Snapshot, by: Committed): void {
  const ended = [...after.ended.values()].filter(
    ({ id, type, status }) => type === 'urgent' && status !== 'CANCELLED' && before.live.has(id),
  );
  const followed = [...after.live.values()].filter(
    ({ id, type }) => type === 'after' && !before.live.has(id) && !before.ended.has(id),
  );
  const [expected, found] = [ended.map(({ id }) => id).sort(), followed.map(({ follows }) => follows).sort()];
  if (String(expected) !== String(found))
    fail(`jobs [${expected}] ended by ${by.name}, and follow-ups of [${found}] came`);
}

function checkKeys({ live, ended, keys }: Snapshot): void {
  const held = new Map(keys.map((key) => [`${key.type} ${key.key}`, key]));
  const owners = new Map<string, string>();
  for (const job of live.values()) {
    if (job.key === null) continue;
    const name = `${job.type} ${job.key}`;
    const other = owners.get(name);
    if (other) fail(`jobs ${other} and ${job.id} both live with key ${name}`);
    owners.set(name, job.id);
    const key = held.get(name);
    if (key?.job !== job.id || key.expires !== null) fail(`job ${job.id} lives and does not hold its key ${name}`);
  }
  for (const { job, type, key } of keys) {
    const status = ended.get(job)?.status;
    if (status !== 'COMPLETED' && !live.has(job))
      fail(`job ${job} is ${status ?? 'nowhere'} and holds key ${type} ${key}`);
  }
}

function checkSlots({ live, ended }: Snapshot): void {
  const fired = new Map<string, string>();
  for (const { id, slot } of [...live.values(), ...ended.values()]) {
    if (slot === null) continue;
    const other = fired.get(slot);
    if (other) fail(`jobs ${other} and ${id} were both fired for ${slot}`);
    fired.set(slot, id);
  }
}

/** A bucket gains what came in by the clock and what was returned, once, and loses what was taken. */
function checkBuckets(before: Snapshot, after: Snapshot, { name, statement, answer }: Committed): void {
  for (const { key, tokens, refilled } of after.buckets) {
    const was = before.buckets.find((bucket) => bucket.key === key);
    if (was === undefined || was.tokens === null || tokens === null) continue;
    const refill = (LIMIT.perSecond * (refilled - was.refilled)) / 1_000;
    const most =
      Math.min(LIMIT.burst, was.tokens + refill + returnedTokens(name, statement, key)) -
      takenTokens(name, answer, key);
    if (tokens > most + 1e-6) fail(`bucket ${key} has ${tokens} tokens after ${name}, at most ${most} are right`);
  }
}

function returnedTokens(name: string, { params }: Statement, key: string): number {
  if (name !== 'return_tokens_1') return 0;
  const returns = JSON.parse(String(params[0])) as { key: string; tokens: number }[];
  return returns.filter((one) => one.key === key).reduce((sum, { tokens }) => sum + tokens, 0);
}

function takenTokens(name: string, answer: Answer, key: string): number {
  if (name !== 'take_tokens_1' || !('rows' in answer)) return 0;
  const { answers } = answer.rows[0] as { answers: { key: string; taken: number }[] };
  return answers.find((one) => one.key === key)?.taken ?? 0;
}

/** Most urgent first, and within a lane by due time; an exchange that says that nothing is left is right. */
function checkOrder(before: Snapshot, after: Snapshot, by: Committed, exchange: Exchange): void {
  const { claim, again, exhausted } = exchange;
  if (claim === null || again || claim.past) return;
  const cursors = claim.lanes && new Map(claim.lanes.map((lane) => [lane.slice(0, 3).join(), lane]));
  const isLookedAt = (job: LiveJob) => {
    if (!cursors) return true;
    const lane = cursors.get([job.queue, job.type, job.priority].join());
    if (!lane) return false;
    const [, , , afterDueAt, afterId] = lane;
    if (afterDueAt === null) return true;
    const behindMs = job.due - exactMs(afterDueAt);
    return behindMs > EPSILON_MS || (behindMs > -EPSILON_MS && BigInt(job.id) > BigInt(afterId ?? '0'));
  };
  const isPaused = (job: LiveJob) =>
    before.pauses.some(
      ([queue, type]) => (queue === '*' || queue === job.queue) && (type === '*' || type === job.type),
    );
  const left = [...after.live.values()].filter(
    (job) =>
      job.lease === null &&
      job.due <= by.atMs + EPSILON_MS &&
      job.rescues === 0 &&
      claim.types[job.type] !== undefined &&
      !claim.excluded.includes(job.type) &&
      !isPaused(job) &&
      isLookedAt(job),
  );
  const claimed = [...after.live.values()].filter(
    ({ id, place }) => place !== null && place !== before.live.get(id)?.place,
  );
  for (const job of claimed) if (isPaused(job)) fail(`job ${job.id} was claimed and is paused`);
  // a suspect is claimed alone, whatever else is due, and may come to its end by that
  if (left.length === 0 || exchange.crashed.length > 0 || claimed.some(({ rescues }) => rescues > 0)) return;
  if (exhausted) fail(`an exchange said that nothing was left, and job ${left[0]?.id} is due`);
  for (const job of claimed) {
    if (job.passes > 2) continue;
    for (const other of left) {
      if (other.priority > job.priority) fail(`job ${job.id} was claimed before job ${other.id}, which is more urgent`);
      const isSameLane = other.queue === job.queue && other.type === job.type && other.priority === job.priority;
      if (isSameLane && other.due < job.due)
        fail(`job ${job.id} was claimed before job ${other.id}, which was due earlier`);
    }
  }
}

/** An instant as Postgres prints it, to the microsecond. */
function exactMs(instant: string): number {
  const micros = /\.(\d+)/.exec(instant)?.[1]?.padEnd(6, '0') ?? '000000';
  return Math.floor(Date.parse(instant) / 1_000) * 1_000 + Number(micros) / 1_000;
}

function exchangeOf({ statement, answer }: Committed): Exchange {
  const [drain, completed, , settlements, running, claim] = statement.params.map((param) =>
    param === null ? null : String(param),
  );
  const outcomes = new Map<string, To>();
  for (const [, batch, done = ''] of String(completed).matchAll(/\{(\d+),([01]+),/g))
    for (const [n, bit] of [...done].entries()) if (bit === '1') outcomes.set(`${batch}/${n + 1}`, 'completed');
  for (const { batch, position, to } of JSON.parse(settlements as string)) outcomes.set(`${batch}/${position}`, to);
  const said = JSON.parse(running as string) as { batch: string; position: number; state?: unknown }[];
  const placeOf = ({ batch, position }: (typeof said)[number]) => `${batch}/${position}`;
  const reply =
    'rows' in answer
      ? (
          answer.rows[0] as {
            answer: { lost: [batch: string, position: number][]; exhausted: boolean; crashed: string[] };
          }
        ).answer
      : null;
  return {
    again: JSON.parse(drain as string).again === true,
    outcomes,
    checkpoints: new Set(said.filter(({ state }) => state !== undefined).map(placeOf)),
    running: new Set(said.map(placeOf)),
    lost: new Set(reply?.lost.map((place) => place.join('/'))),
    claim: claim === null ? null : JSON.parse(claim as string),
    exhausted: reply?.exhausted ?? false,
    crashed: reply?.crashed ?? [],
  };
}
