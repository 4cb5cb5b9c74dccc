/** The steps of a drain: when one goes out, what it carries, and what its answer changes. */
import { randomUUID } from 'node:crypto';
import { batchSize, holdLimit } from '../core/capacity.ts';
import { count, type DrainReport, withOutcomes } from '../core/drain-report.ts';
import type { Job } from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { type Outcome, settle } from '../core/settle.ts';
import { refusalInWords } from '../core/sqlstate.ts';
import { type Chore, Chores } from '../maintenance/maintenance.ts';
import type { Executor } from '../postgres/database.ts';
import type { Claim } from '../postgres/statements/step.ts';
import type { RateLimiter } from '../rate-limits/limiter.ts';
import type { Tick } from '../reads/drains.ts';
import { Admission } from './admission.ts';
import type { Timetable } from './deadlines.ts';
import { type Ended, Held, type News, noLongerHeld, outcomeBytes } from './execution.ts';
import type { Hands } from './executor.ts';
import type { JobLog } from './job-log.ts';
import { Lanes } from './lane-cursors.ts';
import { LedgerEntry } from './ledger-entry.ts';
import { Flight } from './pipelining.ts';
import { anotherHoldsSuspect, type Member, othersAreIdle, wakeOthers } from './process-peers.ts';
import { Tally } from './rollup-buffer.ts';
import { type Delivered, type Delivery, deliver, type Parcel } from './send-exchange.ts';

/** Outcomes wait this long for company before they are settled. */
const SETTLE_AFTER_MS = 250;
/**
 * While anything is held a step goes out this often that tells of all that runs, whatever other steps told in between: a job that
 * was cancelled learns it within 2 s, this plus the accuracy of the loop and a round trip, and so does what waits of a pause.
 */
const HEARTBEAT_MS = 1_500;
/** A fresh drain begins with a suspect one time in four: poison never takes more of the ticks, and is never starved. */
const SUSPECT_FIRST = 0.25;

export interface StepsOptions {
  readonly executor: Executor;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly keyWindowMs: number;
  readonly chores: readonly Chore[];
  readonly log: Log;
  readonly tell: JobLog | null;
  readonly limiter: RateLimiter;
  readonly timetable: Timetable;
  readonly report: DrainReport;
  /** What the platform says of this invocation, for the ledger. */
  readonly tick: Tick;
  readonly queue?: string | undefined;
  readonly types?: readonly string[] | undefined;
  readonly limit: number;
  readonly includePaused: boolean;
  readonly environment: string | null;
  readonly wake: () => void;
}

export class Steps implements Member {
  readonly #options: StepsOptions;
  readonly #hands: Hands;
  readonly #lanes = new Lanes();
  readonly #admission: Admission;
  readonly #ledger: LedgerEntry;
  readonly #chores: Chores;
  readonly #tally = new Tally();
  #ended: Ended[] = [];
  #oldestEndedAtMs = 0;

  #sent = 0;
  #inFlight = 0;
  /** The outcomes that are on their way, unconfirmed, step by step. */
  readonly #endedInFlight = new Set<readonly Ended[]>();
  /** Steps that Postgres did not take at the first try. */
  readonly #repeated = new Set<Parcel>();
  #lastHeartbeatAtMs = 0;
  readonly #flight = new Flight();
  #claimsInFlight = 0;
  /** How many jobs the claims in flight may bring. */
  #comingJobs = 0;
  #idleClaimInFlight = false;
  /** A suspect has ended, but Postgres has not confirmed it: should the process die now, the suspect would be convicted. */
  #suspectUnsettled = false;

  /** The last claim looked at every lane anew, with nothing else in hand, and found nothing. */
  #foundNothing = false;
  /** How often chores had brought jobs when that claim went out. */
  #lookedAfterChores = 0;
  /** When the next job falls due, if that is worth waiting for. */
  #lingersUntilMs: number | null = null;
  #otherEnvironment: string | null = null;
  /** The ledger row says what came of this drain. */
  #closed = false;
  #answered = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(options: StepsOptions, hands: Hands) {
    this.#options = options;
    this.#hands = hands;
    const { executor, chores, log, wake, timetable, jobs, types, limiter } = options;
    this.#admission = new Admission({
      jobs,
      types,
      limiter,
      timetable,
      longestRunMs: (type) => hands.longestRunMs(type),
    });
    this.#ledger = new LedgerEntry(options);
    this.#chores = new Chores({ executor, chores, log, wake, untilMs: () => timetable.endAtMs });
  }

  /** What no repetition could mend, or what time ran out on; `total`: Postgres never answered this drain at all. */
  get failure(): { readonly error: unknown; readonly total: boolean } | null {
    return this.#failure && { error: this.#failure.error, total: !this.#answered };
  }

  /** Nothing in hand, nothing on its way. */
  get isQuiet(): boolean {
    return this.#hands.isEmpty && this.#ended.length === 0 && this.#inFlight === 0 && this.#chores.isQuiet;
  }

  get isIdle(): boolean {
    return this.#hands.isIdle && this.#claimsInFlight === 0;
  }

  get holdsSuspect(): boolean {
    return this.#hands.suspect !== null || this.#suspectUnsettled;
  }

  /** Whose database this is, if not that of the drain's environment. */
  get otherEnvironment(): string | null {
    return this.#otherEnvironment;
  }

  wake(): void {
    this.#options.wake();
  }

  get foundNothing(): boolean {
    return this.#knowsNothing && this.#lingersUntilMs === null;
  }

  get #knowsNothing(): boolean {
    return this.#foundNothing && this.#lookedAfterChores === this.#chores.broughtJobs;
  }

  get reachedLimit(): boolean {
    return this.#options.report.claimed >= this.#options.limit;
  }

  /** Some type with jobs in the table was not probed because the time left could not hold it. */
  get passedOver(): boolean {
    return this.#lanes.ofTypes(this.#admission.outOfTime).length > 0;
  }

  ended(held: Held, outcome: Outcome, hold: boolean): void {
    if (held.cut === 'revoked') {
      this.#options.report.lost++; // the fence is another's: nothing to settle
      this.#options.tell?.lost(held);
      if (held.isSuspect) wakeOthers(this);
      return;
    }
    if (held.isSuspect) this.#suspectUnsettled = true;
    if (this.#ended.length === 0) this.#oldestEndedAtMs = performance.now();
    this.#ended.push({ held, settlement: settle(held.counters, outcome, Math.random), hold });
    if (this.#ended.length >= batchSize(this.#hands.pace)) this.#options.wake();
  }

  /** Sends a step if one is due; `true` if it did. */
  sendIfDue(now: number): boolean {
    if (this.#inFlight >= (this.#answered ? this.#flight.most : 1)) return false;
    const claim = this.#claim(now);
    if (!this.#mustTell(now) && !(claim !== null && this.#mustClaim(now, claim))) return false;
    void this.#send(claim, now);
    return true;
  }

  /** Settles what has ended without claiming more, however little it is. */
  sendEnded(now: number): void {
    if (this.#ended.length > 0) void this.#send(null, now);
  }

  /** Sends what a claim need not wait for: a handler that was told to end may be saving its state just now. */
  tellIfDue(now: number): void {
    if (this.#inFlight < this.#flight.most && this.#mustTell(now)) void this.#send(null, now);
  }

  /** How long nothing but an event can make a step due, ms. */
  quietForMs(now: number): number {
    const { cutAtMs } = this.#options.timetable;
    const settle = this.#ended.length > 0 ? this.#oldestEndedAtMs + SETTLE_AFTER_MS : cutAtMs;
    const linger = this.#inFlight === 0 ? (this.#lingersUntilMs ?? cutAtMs) : cutAtMs;
    return Math.max(1, Math.min(settle, linger, cutAtMs) - now);
  }

  /** The last steps: what is still to be settled, then the ledger row with the report as it came out. */
  async close(pause: (ms: number) => Promise<void>): Promise<void> {
    const { report, timetable } = this.#options;
    let told = false; // after a failure the row is written once, without outcomes: what failed was perhaps only theirs
    for (;;) {
      const now = performance.now();
      if (this.#failure !== null) {
        report.stopReason = 'database_unreachable';
        report.error = refusalInWords(this.#failure.error);
        this.#noteUnconfirmed(this.#ended.splice(0));
      }
      if (now >= timetable.endAtMs || told) break;
      if (this.#inFlight > 0) {
        await pause(timetable.endAtMs - now);
      } else if (this.#failure !== null) {
        told = true;
        if (this.#answered) await this.#send(null, now);
      } else if (this.#ended.length > 0 || !this.#closed || this.#tally.isNew) {
        const promised = JSON.stringify({ ...withOutcomes(report, this.#ended), steps: 0 });
        this.#closed = true;
        await this.#send(null, now);
        this.#closed &&= promised === JSON.stringify({ ...report, steps: 0 }); // else some outcome was lost: write it anew
      } else break;
    }
    this.#noteUnconfirmed(this.#ended.splice(0));
    for (const ended of this.#endedInFlight) this.#noteUnconfirmed(ended);
    this.#endedInFlight.clear();
  }

  /** Their leases end, and another drain takes the jobs. */
  #noteUnconfirmed(ended: readonly Ended[]): void {
    const { report, tell } = this.#options;
    report.unconfirmed += ended.length;
    for (const { held } of ended) tell?.unconfirmed(held);
  }

  #mustTell(now: number): boolean {
    const hands = this.#hands;
    if (hands.wantsToTell) return hands.suspect === null || this.#inFlight === 0;
    if (this.#ended.length > 0) {
      if (hands.isEmpty || this.#ended.length >= batchSize(hands.pace)) return true;
      if (now - this.#oldestEndedAtMs >= SETTLE_AFTER_MS) return true;
    }
    return !hands.isEmpty && now - this.#lastHeartbeatAtMs >= HEARTBEAT_MS;
  }

  #mustClaim(now: number, claim: Claim): boolean {
    if (!this.#hands.isEmpty || this.#claimsInFlight > 0) {
      if (this.#lanes.needsSlot && claim.free === 0) return false;
      return !this.#lanes.exhausted && claim.limit >= batchSize(this.#hands.pace);
    }
    if (this.#endedInFlight.size > 0 && this.#lanes.exhausted) return false; // what comes back with them is due once they are stored
    return !this.#knowsNothing || now >= (this.#lingersUntilMs ?? Number.POSITIVE_INFINITY);
  }

  #claim(now: number): Claim | null {
    const { report, limit: mostJobs, includePaused, queue } = this.#options;
    const hands = this.#hands;
    if (hands.suspect !== null || this.#idleClaimInFlight || anotherHoldsSuspect(this)) return null;
    if (this.#repeated.size > 0) return null; // while outcomes cannot be stored, more jobs would only run in vain
    if (hands.pace.concurrency === 1 && this.#claimsInFlight > 0) return null; // one by one means in order: answers may overtake
    const room = holdLimit(hands.pace, this.#flight.most) - hands.size - this.#comingJobs;
    const limit = Math.min(room, hands.pace.maxBatch, mostJobs - report.claimed - this.#comingJobs);
    if (limit < 1) return null;
    const lanes = this.#lanes.current(now);
    const alone = hands.isEmpty && this.#claimsInFlight === 0 && this.#endedInFlight.size === 0;
    return {
      limit,
      free: Math.max(0, hands.freeSlots - this.#comingJobs),
      maxBytes: LIMITS.stepBytes,
      ...this.#admission.types(now),
      ...(queue !== undefined && { queues: [queue] }),
      lanes,
      ...(lanes === null && this.#lanes.start),
      first: this.#sent === 0,
      // With a cursor in hand there is more to come: suspects wait, and the next claim need not wait for this one's answer.
      idle: alone && hands.isIdle && lanes === null && othersAreIdle(this),
      alone,
      suspects: this.#sent === 0 && Math.random() < SUSPECT_FIRST,
      includePaused,
    };
  }

  async #send(claim: Claim | null, now: number): Promise<void> {
    const { report, wake } = this.#options;
    const hands = this.#hands;
    const ended = this.#takeEnded();
    const isHeartbeat = now - this.#lastHeartbeatAtMs >= HEARTBEAT_MS;
    if (isHeartbeat) this.#lastHeartbeatAtMs = now;
    const news = hands.takeNews(now, isHeartbeat);
    const isWhole = this.#endedInFlight.size === 0;
    this.#sent++;
    this.#inFlight++;
    if (ended.length > 0) this.#endedInFlight.add(ended);
    if (claim) {
      this.#claimsInFlight++;
      this.#comingJobs += claim.limit;
      this.#idleClaimInFlight = claim.idle;
    }
    const broughtBefore = this.#chores.broughtJobs;
    const chores = claim && this.#chores.request(now);
    const mayBeLast = report.stopReason !== null || (claim?.alone === true && claim.lanes === null);
    const counts = this.#tally.carry(ended, { version: this.#sent, nowMs: now, isLast: mayBeLast });
    const { waiting } = hands;
    const parcel: Parcel = {
      ended,
      news,
      claim,
      drain: {
        ...this.#ledger.tell(now, this.#sent, hands.running, news.length > 0 || claim?.alone === true),
        ...(counts && { rollups: counts.json }),
        ...(waiting.length > 0 && { waiting }),
        ...(claim && { environment: this.#options.environment }),
        ...(chores && { chores }),
        ...(report.stopReason !== null && { passedOver: this.#lanes.ofTypes(this.#starvedTypes()) }),
      },
    };
    try {
      const delivered = await deliver(this.#delivery(parcel), parcel);
      this.#tally.hear(delivered.answer, performance.now());
      this.#ledger.hear(delivered.answer);
      this.#flight.hear(delivered.answer, chores !== null);
      this.#answered = true;
      hands.hear(delivered.answer.paused ?? [], performance.now()); // Postgres without this release's functions does not say
      if (delivered.ended !== ended) this.#closed = false; // it went in parts, and the last of them told the ledger
      this.#noteSettled(delivered);
      this.#tally.settle(counts, ended, delivered);
      noteNews(delivered.news, new Set(delivered.answer.revoked));
      const otherEnvironment = delivered.answer.otherEnvironment ?? null; // a database of the release before has none
      if (otherEnvironment !== null) {
        this.#otherEnvironment = otherEnvironment;
        this.#closed = parcel.drain.step === 1; // the ledger does not know of it
      } else if (claim) {
        this.#noteClaimed(claim, parcel, delivered, now);
        this.#closed &&= isWhole;
        this.#lookedAfterChores = broughtBefore;
      }
      this.#chores.take(delivered.answer.chores);
    } catch (error) {
      this.#failure = { error };
      if (this.#endedInFlight.delete(ended)) this.#noteUnconfirmed(ended); // else the report has said so already
      for (const { checkpoints } of news) for (const checkpoint of checkpoints) checkpoint.refused(error);
    } finally {
      for (const { held, checkpoints } of news) if (checkpoints.length > 0) held.checkpointAnswered();
      this.#inFlight--;
      this.#repeated.delete(parcel);
      this.#endedInFlight.delete(ended);
      if (claim) {
        this.#claimsInFlight--;
        this.#comingJobs -= claim.limit;
        if (claim.idle) this.#idleClaimInFlight = false;
      }
      wake();
      if (ended.some(({ held }) => held.isSuspect)) {
        this.#suspectUnsettled = false;
        wakeOthers(this);
      }
    }
  }

  #delivery(parcel: Parcel): Delivery {
    const { executor, timetable, report } = this.#options;
    return {
      executor,
      nowMs: () => performance.now(),
      random: Math.random,
      uuid: randomUUID,
      giveUpAtMs: () => timetable.endAtMs,
      tried: (tries) => {
        report.steps++;
        if (tries > 1) this.#repeated.add(parcel);
      },
    };
  }

  /** As many outcomes as one step may carry. */
  #takeEnded(): Ended[] {
    let bytes = 0;
    let n = 0;
    for (const ended of this.#ended.slice(0, LIMITS.stepJobs)) {
      bytes += outcomeBytes(ended);
      if (n > 0 && bytes > LIMITS.stepBytes) break;
      n++;
    }
    return this.#ended.splice(0, n);
  }

  #starvedTypes(): readonly string[] {
    return this.#admission.outOfTime.filter((type) => !this.#hands.hasStarted(type));
  }

  #noteSettled({ ended, answer }: Delivered): void {
    const { report, tell } = this.#options;
    const lost = new Set(answer.lost);
    for (const one of ended) {
      const isLost = lost.has(one.held.claimed.id);
      if (isLost) report.lost++;
      else count(report, one.settlement.to);
      if (tell === null) continue;
      if (isLost) tell.lost(one.held);
      else tell.settled(one);
    }
  }

  #noteClaimed(claim: Claim, parcel: Parcel, { answer, ended }: Delivered, sentAtMs: number): void {
    const { report, jobs } = this.#options;
    const now = performance.now();
    report.claimed += answer.jobs.length + answer.crashed.length;
    report.deadLettered += answer.crashed.length;
    report.rescued += answer.rescued;
    const before = claim.past === undefined ? [] : report.unhandled;
    if (answer.unhandled) report.unhandled = [...new Set([...before, ...answer.unhandled])];
    this.#options.tell?.crashed(answer.crashed);
    this.#lanes.note(claim, answer, now);
    const nextDueInMs = this.#lanes.nextDueInMs(now);
    report.nextDueInMs = nextDueInMs;
    if (answer.recentRunMs) this.#hands.learn(answer.recentRunMs);
    const lingers = nextDueInMs !== null && nextDueInMs <= parcel.drain.lingerMs;
    this.#foundNothing = claim.alone && claim.lanes === null && this.#lanes.allEmpty && answer.exhausted;
    this.#lingersUntilMs = lingers ? now + nextDueInMs : null;
    // step_1 closes the row by itself when it finds nothing, with the report as it was sent
    const asSent = answer.lost.length === 0 && ended === parcel.ended;
    const inOneLook = claim.past === undefined;
    this.#closed = this.#foundNothing && inOneLook && !lingers && asSent && answer.chores === null && !this.passedOver;
    for (const { id, type, fence } of answer.jobs)
      if (fence >= LIMITS.fewSlices && fence > (report.mostSlices?.slices ?? 0))
        report.mostSlices = { job: id, type, slices: fence };
    const held = answer.jobs.map(
      (job) => new Held(job, jobs.get(job.type) as Job, this.#options, sentAtMs + (claim.types[job.type] as number)),
    );
    this.#hands.take(held, now);
    if (this.#hands.suspect !== null && !othersAreIdle(this)) this.#hands.giveBackWaiting();
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
      if (gone) checkpoint.refused(noLongerHeld());
      else checkpoint.committed();
  }
}
