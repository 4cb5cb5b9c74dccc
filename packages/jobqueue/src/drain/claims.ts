/** The claims of a drain: what each asks for, and what the answers together say of the queue. */
import { type FollowUps, followUpsOf } from '../core/follow-up.ts';
import { LIMITS } from '../core/limits.ts';
import type { MaintenanceTasks } from '../maintenance/maintenance.ts';
import type { Claim, ExchangeReply, Lane } from '../postgres/statements/exchange.ts';
import { Admission } from './admission.ts';
import type { DrainRun } from './drain-run.ts';
import type { JobExecutor } from './executor.ts';
import { LaneCursors } from './lane-cursors.ts';
import type { ExchangeState, PlannedClaim } from './plan-exchange.ts';

/** A fresh drain begins with a suspect one time in four: poison never takes more of the ticks, and is never starved. */
const SUSPECT_FIRST = 0.25;

export class Claims {
  readonly #run: DrainRun;
  readonly #executor: JobExecutor;
  readonly #tasks: MaintenanceTasks;
  readonly #lanes = new LaneCursors();
  readonly #admission: Admission;
  readonly #followUps: FollowUps | null;
  /** The last claim looked at every lane anew, with nothing else claimed, and found nothing. */
  #foundNothing = false;
  /** Times that maintenance had brought jobs when that claim was sent. */
  #lookedAfterTasks = 0;
  /** The instant at which the next job falls due, if that is worth waiting for. */
  #lingersUntilMs: number | null = null;

  constructor(run: DrainRun, executor: JobExecutor, tasks: MaintenanceTasks) {
    this.#run = run;
    this.#executor = executor;
    this.#tasks = tasks;
    this.#followUps = followUpsOf(run.jobs);
    this.#admission = new Admission(run, (type) => executor.longestRunMs(type));
  }

  get foundNothing(): boolean {
    return this.#knowsNothing && this.#lingersUntilMs === null;
  }

  get #knowsNothing(): boolean {
    return this.#foundNothing && this.#lookedAfterTasks === this.#tasks.broughtJobs;
  }

  get jobsLeft(): number {
    return this.#run.limit - this.#run.report.claimed;
  }

  /** The claims' part of the input of planExchange. */
  state(now: number, mayClaim: boolean): ExchangeState['claims'] {
    const { exhausted, needsSlot } = this.#lanes;
    return {
      hasCursors: this.#lanes.current(now) !== null,
      exhausted,
      needsSlot,
      knowsNothing: this.#knowsNothing,
      lingersUntilMs: this.#lingersUntilMs,
      jobsLeft: mayClaim ? this.jobsLeft : 0,
    };
  }

  /** Some type with jobs in the table was not probed because the time left could not hold it. */
  get skippedForTime(): boolean {
    return this.#lanes.ofTypes(this.#admission.outOfTime).length > 0;
  }

  /** The lanes of types that this drain had no time for and has run no job of. */
  get starvedLanes(): readonly Lane[] {
    return this.#lanes.ofTypes(this.#admission.outOfTime.filter((type) => !this.#executor.hasStarted(type)));
  }

  /** The claim as step_2 reads it. */
  request({ limit, free, alone, idle }: PlannedClaim, now: number, isFirst: boolean): Claim {
    const { queue, includePaused } = this.#run;
    const lanes = this.#lanes.current(now);
    return {
      limit,
      free,
      maxBytes: LIMITS.exchangeBytes,
      ...this.#admission.types(now),
      ...(queue !== null && { queues: [queue] }),
      lanes,
      ...(lanes === null && this.#lanes.start),
      first: isFirst,
      idle,
      alone,
      suspects: isFirst && Math.random() < SUSPECT_FIRST,
      includePaused,
      ...(this.#followUps && { followUps: this.#followUps }),
    };
  }

  /** Takes over what the answer says; `true` if it ends the drain: one look that found nothing now and nothing soon. */
  note(
    claim: Claim,
    answer: ExchangeReply,
    sent: { readonly lingerMs: number; readonly broughtJobs: number },
  ): boolean {
    const { report } = this.#run;
    const now = performance.now();
    report.claimed += answer.jobs.length + answer.crashed.length;
    report.deadLettered += answer.crashed.length;
    report.rescued += answer.rescued;
    const inOneLook = claim.past === undefined;
    if (answer.unhandled)
      report.unhandled = [...new Set([...(inOneLook ? [] : report.unhandled), ...answer.unhandled])];
    for (const { id, type, fence } of answer.jobs)
      if (fence >= LIMITS.fewSlices && fence > (report.mostSlices?.slices ?? 0))
        report.mostSlices = { job: id, type, slices: fence };
    this.#lanes.note(claim, answer, now);
    const nextDueInMs = this.#lanes.nextDueInMs(now);
    report.nextDueInMs = nextDueInMs;
    const lingers = nextDueInMs !== null && nextDueInMs <= sent.lingerMs;
    this.#foundNothing = claim.alone && claim.lanes === null && this.#lanes.allEmpty && answer.exhausted;
    this.#lingersUntilMs = lingers ? now + nextDueInMs : null;
    this.#lookedAfterTasks = sent.broughtJobs;
    return this.#foundNothing && inOneLook && !lingers && !this.skippedForTime;
  }
}
