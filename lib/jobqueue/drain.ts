/** One drain: claim, run and settle until the deadline leaves no room. Decides when a step goes out and what it carries. */
import { randomUUID } from 'node:crypto';
import type { Executor } from '../../db/database.ts';
import { type Delivered, type Delivery, deliver, type Parcel } from './deliver.ts';
import { QueueError } from './errors.ts';
import { type Ended, Held, type News, settlementJson } from './held.ts';
import type { Job } from './job.ts';
import { Lanes } from './lanes.ts';
import { LIMITS } from './limits.ts';
import { count, type DrainReport, emptyReport, type StopReason } from './report.ts';
import { type Outcome, settle } from './retry.ts';
import { onShutdown } from './shutdown.ts';
import { batchSize, byPlace, holdLimit, meanAfter, type Pace, timeNeededMs } from './slots.ts';
import type { Claim, ClaimedJob } from './store.ts';

/** Outcomes wait this long for company before they are settled. */
const SETTLE_AFTER_MS = 250;
/** While anything runs a step goes out this often: cancels, progress and started marks travel with it. */
const HEARTBEAT_MS = 2_000;
/** An empty queue is waited for if its next job falls due within this time. */
const LINGER_MS = 10_000;
/** How long a claimed job may wait for a free slot before its lease is too short to run it. */
const HORIZON_MS = 5_000;
/** What a lease outlasts its job by: the settling step, its retries, and clocks that do not run alike. */
const LEASE_MARGIN_MS = 15_000;
/** Two steps overlap, so that the network's time is the next batch's running time. */
const STEPS_IN_FLIGHT = 2;
/** How often timeouts are looked at; also their accuracy. */
const SWEEP_MS = 50;
/** A handler has this long to react to its signal before its slot is written off. */
const REACT_MS = 2_000;
/** The platform allows 500 ms after SIGTERM: handlers get the first part, the last step the rest. */
const SHUTDOWN_MS = { handlers: 200, all: 450 };
/** A fresh drain begins with a suspect one time in four: poison never takes more of the ticks, and is never starved. */
const SUSPECT_FIRST = 0.25;
/** As many leases lost and the job is a suspect: it runs alone, so that it convicts itself and no neighbour. */
const SUSPECT_RESCUES = 2;

export interface DrainOptions {
  /** What started it: 'cron', 'operator' …; kept in the ledger. */
  readonly source?: string;
  /** The platform's own end of this invocation. */
  readonly deadline?: Date;
  /** How long to drain at most, ms; the earlier of the two counts. Without both: the queue's `maxDurationMs`. */
  readonly budgetMs?: number;
  readonly queue?: string;
  readonly types?: readonly string[];
  /** How many jobs to claim at most. */
  readonly limit?: number;
  /** How many jobs run at once, 1 to 1000; default 10. */
  readonly concurrency?: number;
  /** How many jobs one step claims at most, 1 to 1000. */
  readonly maxBatch?: number;
  readonly includePaused?: boolean;
  /** Stops the drain: unstarted jobs are given back at once, running ones told to end. */
  readonly signal?: AbortSignal;
}

/** What the drains of one process share. */
export interface DrainContext {
  readonly executor: Executor;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly maxDurationMs: number;
  readonly keyWindowMs: number;
  /** The longest run of each type that this process has seen, ms. */
  readonly longestRunMs: Map<string, number>;
}

/** Drains until the deadline, the limit or an empty queue. Throws only if Postgres never answered at all. */
export async function drain(context: DrainContext, options: DrainOptions): Promise<DrainReport> {
  const run = new Drain(context, options);
  const unwatch = onShutdown(() => run.stop());
  options.signal?.addEventListener('abort', () => run.stop(), { once: true });
  if (options.signal?.aborted) run.stop();
  try {
    return await run.toTheEnd();
  } finally {
    unwatch();
  }
}

class Drain {
  readonly #context: DrainContext;
  readonly #options: DrainOptions;
  readonly #report: DrainReport;
  readonly #concurrency: number;
  readonly #maxBatch: number;

  // Three instants of the monotonic clock: handlers are told to end, the last outcome is decided, the platform ends us.
  readonly #cutAtMs: number;
  #settleAtMs: number;
  #endAtMs: number;

  readonly #waiting: Held[] = [];
  readonly #running = new Set<Held>();
  /** Handlers that ignored their signal: their outcome is decided, but they still take a slot. */
  #zombies = 0;
  /** After two rescues a job runs alone here. */
  #suspect: Held | null = null;
  #ended: Ended[] = [];
  #oldestEndedAtMs = 0;
  #meanRunMs: number | null = null;

  #steps = 0;
  #stepsInFlight = 0;
  #lastStepAtMs = 0;
  #answered = false;
  #claimsInFlight = 0;
  /** How many jobs the claims in flight may bring. */
  #comingJobs = 0;
  #idleClaimInFlight = false;

  readonly #lanes = new Lanes();
  /** The last claim looked at every lane anew, with nothing else in hand, and found nothing. */
  #foundNothing = false;
  /** When the next job falls due, if that is worth waiting for. */
  #lingersUntilMs: number | null = null;
  /** The ledger row was closed by the first step, which found nothing. */
  #closed = false;
  readonly #outOfTime = new Set<string>();
  readonly #startedTypes = new Set<string>();

  #stopReason: StopReason | null = null;
  #stopping = false;
  #failure: unknown = null;
  #wakeUp: (() => void) | null = null;

  constructor(context: DrainContext, options: DrainOptions) {
    this.#context = context;
    this.#options = options;
    this.#concurrency = whole('concurrency', options.concurrency ?? 10, 1000);
    this.#maxBatch = whole('maxBatch', options.maxBatch ?? LIMITS.stepJobs, LIMITS.stepJobs);
    if (options.limit !== undefined) whole('limit', options.limit, 1_000_000);
    for (const type of options.types ?? [])
      if (!context.jobs.has(type))
        throw new QueueError('unknown_type', `types: expected types of this queue, got '${type}'`);
    this.#report = emptyReport(randomUUID(), options.source ?? 'manual');
    const now = performance.now();
    const untilDeadlineMs = options.deadline ? options.deadline.getTime() - Date.now() : context.maxDurationMs;
    const totalMs = Math.min(untilDeadlineMs, options.budgetMs ?? Number.POSITIVE_INFINITY);
    const reserveMs = Math.min(Math.max(totalMs * 0.05, 100), REACT_MS); // once for the handlers, once for the last step
    this.#endAtMs = now + totalMs;
    this.#settleAtMs = this.#endAtMs - reserveMs;
    this.#cutAtMs = this.#settleAtMs - reserveMs;
  }

  /** SIGTERM, or the caller's signal: what waits is given back at once, what runs is told to end. */
  stop(): void {
    if (this.#stopReason !== null) return;
    this.#stopReason = 'stopped';
    const now = performance.now();
    this.#settleAtMs = Math.min(this.#settleAtMs, now + SHUTDOWN_MS.handlers);
    this.#endAtMs = Math.min(this.#endAtMs, now + SHUTDOWN_MS.all);
    this.#wake();
  }

  async toTheEnd(): Promise<DrainReport> {
    await this.#work();
    await this.#windUp();
    if (this.#failure !== null) {
      if (!this.#answered) throw this.#failure;
      this.#report.stopReason = 'database_unreachable';
    }
    return this.#report;
  }

  async #work(): Promise<void> {
    for (;;) {
      const now = performance.now();
      this.#sweep(now);
      this.#start(now);
      this.#stopReason ??= this.#reasonToStop(now);
      if (this.#stopReason !== null || this.#failure !== null) return;
      if (!this.#sendIfDue(now)) await this.#pause(this.#napMs(now));
    }
  }

  #reasonToStop(now: number): StopReason | null {
    if (now >= this.#cutAtMs) return 'deadline';
    if (this.#zombies >= this.#concurrency) return 'unresponsive';
    if (!this.#emptyHanded() || this.#stepsInFlight > 0) return null;
    if (this.#claimableJobs() < 1) return 'limit';
    if (!this.#foundNothing || this.#lingersUntilMs !== null) return null;
    return this.#outOfTime.size > 0 ? 'deadline' : 'empty';
  }

  #emptyHanded(): boolean {
    return this.#running.size === 0 && this.#waiting.length === 0 && this.#ended.length === 0;
  }

  // — running

  #start(now: number): void {
    while (this.#waiting.length > 0 && this.#running.size + this.#zombies < this.#concurrency) {
      const held = this.#waiting[0] as Held;
      if (held === this.#suspect && !held.announced) return; // Postgres learns that it runs before it can do harm
      this.#waiting.shift();
      const leftMs = this.#cutAtMs - now;
      const fits = timeNeededMs(held.definition, this.#longest(held.claimed.type)) <= leftMs;
      const leased = held.leaseEndsAtMs - now >= Math.min(held.definition.timeoutMs, leftMs) + LEASE_MARGIN_MS / 2;
      if (fits && leased) this.#run(held, now);
      else this.#end(held, { kind: 'unstarted', passed: !fits }, now);
    }
  }

  #run(held: Held, now: number): void {
    held.startedAtMs = now;
    this.#startedTypes.add(held.claimed.type);
    this.#running.add(held);
    const endsAtMs = Math.min(now + held.definition.timeoutMs, this.#cutAtMs);
    const deadline = () => new Date(Date.now() + endsAtMs - performance.now());
    void held.run(deadline, () => this.#wake()).then((outcome) => this.#ran(held, outcome));
  }

  #ran(held: Held, outcome: Outcome): void {
    const now = performance.now();
    if (!this.#running.delete(held)) {
      this.#zombies--; // its outcome was decided when it ignored its signal
      this.#wake();
      return;
    }
    const runMs = now - (held.startedAtMs ?? now);
    this.#meanRunMs = meanAfter(this.#meanRunMs, runMs);
    if (runMs > this.#longest(held.claimed.type)) this.#context.longestRunMs.set(held.claimed.type, runMs);
    this.#end(held, outcome, now);
    if (!this.#stopping) this.#start(now);
    if (this.#ended.length >= this.#batch() || (this.#running.size === 0 && this.#waiting.length === 0)) this.#wake();
  }

  #end(held: Held, outcome: Outcome, now: number, hold = false): void {
    if (held === this.#suspect) this.#suspect = null;
    if (held.startedAtMs !== null) held.endedAtMs = now;
    if (held.cut === 'revoked') {
      this.#report.lost++; // the fence is another's: nothing to settle
      return;
    }
    if (this.#ended.length === 0) this.#oldestEndedAtMs = now;
    this.#ended.push({ held, settlement: settle(held.counters, outcome, Math.random), hold });
  }

  /** Cuts what ran past its timeout, and writes off what did not react. */
  #sweep(now: number): void {
    for (const held of this.#running) {
      if (held.cut === null && now - (held.startedAtMs ?? now) >= held.definition.timeoutMs) held.abort('timeout', now);
      if (held.cutAtMs !== null && now - held.cutAtMs >= REACT_MS) this.#abandon(held, now);
    }
  }

  #abandon(held: Held, now: number): void {
    this.#running.delete(held);
    this.#zombies++;
    this.#end(held, held.abandon(), now, true);
  }

  #longest(type: string): number {
    return this.#context.longestRunMs.get(type) ?? 0;
  }

  // — stepping

  #pace(): Pace {
    return { concurrency: this.#concurrency, maxBatch: this.#maxBatch, meanRunMs: this.#meanRunMs };
  }

  #batch(): number {
    return batchSize(this.#pace());
  }

  #sendIfDue(now: number): boolean {
    if (this.#stepsInFlight >= (this.#answered ? STEPS_IN_FLIGHT : 1)) return false;
    const claim = this.#claim(now);
    if (!this.#mustTell(now) && !(claim !== null && this.#mustClaim(now, claim))) return false;
    void this.#send(claim, now);
    return true;
  }

  #mustTell(now: number): boolean {
    if (this.#suspect !== null && !this.#suspect.announced) return this.#stepsInFlight === 0;
    if (this.#ended.length > 0) {
      if (this.#ended.length >= this.#batch() || now - this.#oldestEndedAtMs >= SETTLE_AFTER_MS) return true;
      if (this.#running.size === 0 && this.#waiting.length === 0) return true;
    }
    if (this.#running.size > 0 && now - this.#lastStepAtMs >= HEARTBEAT_MS) return true;
    for (const held of this.#running) if (held.hasCheckpoint) return true;
    return false;
  }

  #mustClaim(now: number, claim: Claim): boolean {
    if (this.#emptyHanded()) {
      if (this.#claimsInFlight > 0) return false;
      return !this.#foundNothing || now >= (this.#lingersUntilMs ?? Number.POSITIVE_INFINITY);
    }
    return !this.#lanes.exhausted && claim.limit >= this.#batch();
  }

  /** How many more jobs this drain may take. */
  #claimableJobs(): number {
    const held = this.#running.size + this.#waiting.length + this.#comingJobs;
    const allowed = (this.#options.limit ?? Number.POSITIVE_INFINITY) - this.#report.claimed - this.#comingJobs;
    return Math.min(holdLimit(this.#pace()) - held, allowed, this.#maxBatch);
  }

  #claim(now: number): Claim | null {
    if (this.#stopReason !== null || this.#suspect !== null || this.#idleClaimInFlight) return null;
    const limit = this.#claimableJobs();
    if (limit < 1) return null;
    const { queue, types: only, includePaused = false } = this.#options;
    const types: Record<string, number> = {};
    const excluded: string[] = [];
    for (const job of this.#context.jobs.values()) {
      if (!job.handler) continue;
      types[job.type] = Math.ceil(Math.min(this.#endAtMs - now, HORIZON_MS + job.timeoutMs)) + LEASE_MARGIN_MS;
      const fits = timeNeededMs(job, this.#longest(job.type)) < this.#cutAtMs - now;
      if (!fits) this.#outOfTime.add(job.type);
      if (!fits || (only && !only.includes(job.type))) excluded.push(job.type);
    }
    const idle = this.#running.size + this.#waiting.length + this.#claimsInFlight + this.#zombies === 0;
    return {
      limit,
      free: Math.max(
        0,
        this.#concurrency - this.#running.size - this.#waiting.length - this.#zombies - this.#comingJobs,
      ),
      maxBytes: LIMITS.stepBytes,
      types,
      excluded,
      ...(queue !== undefined && { queues: [queue] }),
      lanes: this.#lanes.current(now),
      first: this.#steps === 0,
      idle,
      suspects: this.#steps === 0 && Math.random() < SUSPECT_FIRST,
      includePaused,
    };
  }

  async #send(claim: Claim | null, now: number): Promise<void> {
    const alone = claim !== null && this.#running.size + this.#waiting.length + this.#claimsInFlight === 0;
    const ended = this.#takeEnded(now);
    const news = this.#takeNews();
    for (const { settlement } of ended) count(this.#report, settlement.to);
    this.#steps++;
    this.#stepsInFlight++;
    this.#lastStepAtMs = now;
    if (claim) {
      this.#claimsInFlight++;
      this.#comingJobs += claim.limit;
      this.#idleClaimInFlight = claim.idle;
    }
    const parcel: Parcel = { ended, news, claim, drain: this.#ledgerEntry(now) };
    try {
      const delivered = await deliver(this.#delivery, parcel);
      this.#answered = true;
      this.#noteSettled(ended, delivered);
      noteNews(news, new Set(delivered.answer.revoked));
      if (claim) this.#noteClaimed(claim, parcel.drain, delivered, alone);
    } catch (error) {
      this.#failure = error; // the outcomes stay unsettled: their leases end, and another drain takes the jobs
      for (const { settlement } of ended) count(this.#report, settlement.to, -1);
    } finally {
      this.#stepsInFlight--;
      if (claim) {
        this.#claimsInFlight--;
        this.#comingJobs -= claim.limit;
        this.#idleClaimInFlight = false;
      }
      this.#wake();
    }
  }

  get #delivery(): Delivery {
    return {
      executor: this.#context.executor,
      nowMs: () => performance.now(),
      random: Math.random,
      uuid: randomUUID,
      giveUpAtMs: () => this.#endAtMs,
      tried: () => {
        this.#report.steps++;
      },
    };
  }

  #ledgerEntry(now: number): Parcel['drain'] {
    const passedOver = [...this.#outOfTime].filter((type) => !this.#startedTypes.has(type));
    return {
      id: this.#report.id,
      source: this.#report.source,
      step: this.#steps,
      deadlineMs: Math.max(0, this.#endAtMs - now),
      keyWindowMs: this.#context.keyWindowMs,
      lingerMs: Math.max(0, Math.min(this.#cutAtMs - now, LINGER_MS)),
      report: this.#report,
      running: Array.from(this.#running, (held) => held.claimed.id),
      stopReason: this.#stopping ? this.#report.stopReason : null,
      ...(this.#stopping && { passedOver: this.#lanes.ofTypes(passedOver) }),
    };
  }

  /** As many outcomes as one step may carry. */
  #takeEnded(now: number): Ended[] {
    let bytes = 0;
    let n = 0;
    for (; n < this.#ended.length && n < LIMITS.stepJobs; n++) {
      bytes += settlementJson(this.#ended[n] as Ended, now).length;
      if (n > 0 && bytes > LIMITS.stepBytes) break;
    }
    return this.#ended.splice(0, n);
  }

  #takeNews(): News[] {
    if (this.#suspect !== null && !this.#suspect.announced)
      return [this.#suspect.takeNews()].filter((news) => news !== null);
    return Array.from(this.#running, (held) => held.takeNews()).filter((news) => news !== null);
  }

  #noteSettled(sent: readonly Ended[], { ended, answer }: Delivered): void {
    for (const { settlement } of sent) count(this.#report, settlement.to, -1);
    const lost = new Set(answer.lost);
    for (const { held, settlement } of ended) {
      if (lost.has(held.claimed.id)) this.#report.lost++;
      else count(this.#report, settlement.to);
    }
  }

  #noteClaimed(claim: Claim, { step, lingerMs }: Parcel['drain'], { answer }: Delivered, alone: boolean): void {
    const now = performance.now();
    const { jobs, crashed, nextDueInMs } = answer;
    this.#report.claimed += jobs.length + crashed.length;
    this.#report.deadLettered += crashed.length;
    this.#report.rescued += answer.rescued;
    this.#report.nextDueInMs = nextDueInMs;
    this.#report.unhandled = answer.unhandled ?? this.#report.unhandled;
    this.#lanes.note(claim, answer, now);
    const nothing = jobs.length === 0 && crashed.length === 0;
    this.#foundNothing = nothing && alone && claim.lanes === null;
    const lingers = nextDueInMs !== null && nextDueInMs <= lingerMs;
    this.#lingersUntilMs = lingers ? now + nextDueInMs : null;
    this.#closed = step === 1 && nothing && !lingers;
    for (const job of jobs) this.#take(job, claim, now);
    this.#waiting.sort((a, b) => byPlace(a.claimed, b.claimed));
  }

  #take(job: ClaimedJob, claim: Claim, now: number): void {
    const definition = this.#context.jobs.get(job.type) as Job; // only these were asked for
    const held = new Held(job, definition, now + (claim.types[job.type] as number) - 500);
    if (this.#stopping) {
      this.#end(held, { kind: 'unstarted', passed: false }, now);
      return;
    }
    if (job.rescues >= SUSPECT_RESCUES) this.#suspect = held;
    this.#waiting.push(held);
  }

  // — the end

  async #windUp(): Promise<void> {
    this.#stopping = true;
    const stopped = this.#stopReason === 'stopped';
    this.#report.stopReason = this.#stopReason;
    for (const held of this.#waiting.splice(0))
      this.#end(held, { kind: 'unstarted', passed: false }, performance.now());
    for (const held of this.#running) held.abort(stopped ? 'shutdown' : 'deadline', performance.now());
    if (stopped && this.#ended.length > 0) void this.#send(null, performance.now());
    for (;;) {
      const leftMs = this.#settleAtMs - performance.now();
      if (this.#running.size === 0 || leftMs <= 0) break;
      await this.#pause(leftMs);
    }
    for (const held of this.#running) this.#abandon(held, performance.now());
    await this.#close();
  }

  /** The last steps: what is still to be settled, then the ledger row with the report as it came out. */
  async #close(): Promise<void> {
    for (;;) {
      const now = performance.now();
      if (now >= this.#endAtMs || (this.#failure !== null && !this.#answered)) return;
      if (this.#stepsInFlight > 0) {
        await this.#pause(this.#endAtMs - now);
      } else if (this.#ended.length > 0 || !this.#closed) {
        const before = JSON.stringify({ ...this.#report, steps: 0 });
        this.#closed = true;
        await this.#send(null, now);
        if (this.#failure !== null) return;
        this.#closed &&= before === JSON.stringify({ ...this.#report, steps: 0 });
      } else return;
    }
  }

  // — waiting

  #napMs(now: number): number {
    let until = this.#cutAtMs;
    if (this.#running.size > 0) until = Math.min(until, now + SWEEP_MS);
    if (this.#ended.length > 0) until = Math.min(until, this.#oldestEndedAtMs + SETTLE_AFTER_MS);
    if (this.#stepsInFlight === 0 && this.#lingersUntilMs !== null) until = Math.min(until, this.#lingersUntilMs);
    return Math.max(1, until - now);
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = null;
  }

  #wake(): void {
    this.#wakeUp?.();
  }
}

/** Tells running jobs what became of their news: a checkpoint is committed, or the job is no longer ours. */
function noteNews(news: readonly News[], revoked: ReadonlySet<string>): void {
  for (const { held, checkpoints } of news) {
    held.announced = true;
    const gone = revoked.has(held.claimed.id);
    if (gone && held.endedAtMs === null) held.abort('revoked', performance.now());
    if (!gone && checkpoints.length > 0) held.checkpointed();
    for (const checkpoint of checkpoints)
      if (gone) checkpoint.refused(new Error('the job is no longer held by this drain'));
      else checkpoint.committed();
  }
}

function whole(option: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new QueueError('option_invalid', `${option}: expected an integer from 1 to ${max}, got ${value}`, {
    issues: [{ path: option, message: `expected an integer from 1 to ${max}` }],
  });
}
