/**
 * Conservation: what a world accepted, what its handlers recorded and what Postgres holds must agree. Pure: facts and rows in, violations out, so
 * that a test can show it a world that is broken.
 */

import type { Fact, HandlerEnd, Reported } from './records.ts';
import { ENDS_DEAD, LIMIT, SCHEDULED } from './work.ts';

/** One job that somebody tried to enqueue. */
export interface Ask {
  /** In its payload: no two asks share one, and a repeated ask keeps it. */
  readonly token: string;
  readonly sentAt: number;
  /** Null as long as no answer came: then the job may exist or not. */
  readonly answeredAt: number | null;
  /** Null if the answer was that another job holds the key. */
  readonly id: string | null;
  readonly key: string | null;
}

/** A parent that waits for its children to complete. */
export interface Flow {
  readonly parent: string;
  readonly children: readonly string[];
}

/** A row of the queue's tables. */
export interface Row {
  readonly id: string;
  readonly type: string;
  readonly token: string;
  readonly mode: string;
  readonly key: string | null;
  /** Null while it lives. */
  readonly status: 'COMPLETED' | 'DEAD_LETTER' | 'CANCELLED' | null;
  readonly fence: number;
  /** ms. */
  readonly finishedAt: number | null;
  /** Code of its last error. */
  readonly code: string | null;
}

/** An operator began to replay these jobs. */
export interface Replay {
  readonly at: number;
  readonly ids: readonly string[];
}

/** The type was paused: from the answer until somebody began to resume it. */
export interface Pause {
  readonly type: string;
  readonly from: number;
  readonly to: number;
}

/** Something was done to a process, or (`process` null) to the way to Postgres. */
export interface Disturbance {
  readonly process: string | null;
  readonly kind: 'killed' | 'stopped' | 'told to end' | 'database';
  readonly from: number;
  readonly to: number;
}

/** Everything that conservation compares. */
export interface Account {
  readonly asks: readonly Ask[];
  readonly flows: readonly Flow[];
  readonly facts: readonly Fact[];
  readonly rows: readonly Row[];
  /** Facts up to here are in `rows`: the clock just before they were read. */
  readonly readAt: number;
  readonly disturbances: readonly Disturbance[];
  readonly replays: readonly Replay[];
  readonly pauses: readonly Pause[];
  /** Nothing runs and nothing is due: then no accepted job may be live, but parents whose children failed. */
  readonly isAtRest: boolean;
}

/** Figures of a world that conservation counts on the way. */
export interface Verdict {
  readonly violations: readonly string[];
  /** Runs that succeeded and whose job ran again, because Postgres never heard of it. */
  readonly repeated: number;
  readonly runs: number;
  readonly ended: number;
}

/** A run as its handler recorded it. */
interface Run {
  readonly job: string;
  readonly fence: number;
  readonly process: string;
  readonly tick: number;
  readonly type: string;
  readonly beganAt: number;
  readonly done: number;
  readonly slot: string | null;
  endedAt: number | null;
  outcome: HandlerEnd | null;
  endedDone: number;
  saved: number;
}

/** The least rest of a lease when its run begins: a drain starts no job whose lease does not outlast it by as much. */
const LEAST_LEASE_MS = 5_000;
/** Within this time a drain hears of a cancel and of a pause: then nothing begins that it holds, and a cancelled job's `signal` has fired. */
const HEARD_MS = 2_000;
/** A loaded machine gives a timer its turn so much later. */
const LOADED_MS = 500;
/** An outcome is sent 250 ms after its run at the latest; the rest is a slow answer. Older ones no death of their process can take. */
const SENT_MS = 2_000;
/** Instants are taken a moment after the token was: in the handler. */
const LIMIT_SLACK = 0.5;
/** More would hide the first ones. */
const MOST_TOLD = 20;

/** Compares everything, and answers what does not agree; at most 20 violations of a kind. */
export function checkConservation(account: Account): Verdict {
  const violations: string[] = [];
  const told = new Map<string, number>();
  const fail = (kind: string, text: string) => {
    const count = (told.get(kind) ?? 0) + 1;
    told.set(kind, count);
    if (count <= MOST_TOLD) violations.push(`${kind}: ${text}`);
  };
  const runs = runsOf(account.facts, fail);
  const byJob = groupBy(runs, ({ job }) => job);
  const rows = new Map<string, Row>();
  for (const row of account.rows) {
    if (rows.has(row.id)) fail('one place', `job ${row.id} is in two places`);
    rows.set(row.id, row);
  }
  checkAccepted(account, rows, fail);
  checkKeys(account, fail);
  const repeated = checkSuccesses(account, runs, byJob, rows, fail);
  checkOverlaps(account, byJob, rows, fail);
  checkStates(account, byJob, fail);
  checkCancelled(account, byJob, rows, fail);
  checkPauses(account, runs, fail);
  checkFlows(account, byJob, rows, fail);
  checkSlots(runs, fail);
  checkLimit(runs, fail);
  const ended = account.rows.filter(({ status }) => status !== null).length;
  return { violations, repeated, runs: runs.length, ended };
}

type Fail = (kind: string, text: string) => void;

function runsOf(facts: readonly Fact[], fail: Fail): readonly Run[] {
  const runs = new Map<string, Run>();
  for (const fact of facts) {
    if (fact.what === 'tick' || fact.what === 'report' || fact.what === 'rejected') continue;
    const at = `${fact.job} ${fact.fence}`;
    const run = runs.get(at);
    if (fact.what === 'begin') {
      const { job, fence, process, tick, type, done, slot } = fact;
      if (run)
        fail('one run per fence', `job ${job} began twice under fence ${fence}: in ${run.process} and ${process}`);
      else
        runs.set(at, {
          job,
          fence,
          process,
          tick,
          type,
          done,
          slot,
          beganAt: fact.at,
          endedAt: null,
          outcome: null,
          endedDone: done,
          saved: 0,
        });
    } else if (!run)
      fail('one run per fence', `job ${fact.job} has a fact '${fact.what}' under fence ${fact.fence}, and never began`);
    else if (fact.what === 'saved') run.saved = Math.max(run.saved, fact.done);
    else if (run.outcome !== null) fail('one run per fence', `job ${fact.job} ended twice under fence ${fact.fence}`);
    else Object.assign(run, { endedAt: fact.at, outcome: fact.outcome, endedDone: fact.done });
  }
  return [...runs.values()];
}

/** Every accepted job is in exactly one place, and what nobody asked for is nowhere. */
function checkAccepted(
  { asks, rows: all, isAtRest, flows, readAt }: Account,
  rows: ReadonlyMap<string, Row>,
  fail: Fail,
): void {
  const known = new Map(asks.map((ask) => [ask.token, ask]));
  const stored = new Set<string>();
  for (const { id, token } of all) {
    if (token === SCHEDULED) continue;
    if (!known.has(token)) fail('accepted', `job ${id} holds the token ${token}, which nobody asked for`);
    if (stored.has(token)) fail('accepted', `two jobs hold the token ${token}`);
    stored.add(token);
  }
  for (const { token, id, answeredAt } of asks) {
    if (id === null || answeredAt === null || answeredAt > readAt) continue;
    const row = rows.get(id);
    if (!row) fail('accepted', `job ${id} was accepted and is nowhere`);
    else if (row.token !== token) fail('accepted', `job ${id} was accepted for ${token} and holds ${row.token}`);
  }
  if (!isAtRest) return;
  const waiting = new Set(
    flows
      .filter(({ children }) => children.some((child) => rows.get(child)?.status !== 'COMPLETED'))
      .map(({ parent }) => parent),
  );
  for (const row of all)
    if (row.status === null && !waiting.has(row.id)) fail('ended', `job ${row.id} (${row.mode}) never ended`);
}

/** A key has one holder: live, or completed within its window. */
function checkKeys({ rows }: Account, fail: Fail): void {
  const holders = rows.filter(({ key, status }) => key !== null && (status === null || status === 'COMPLETED'));
  for (const [key, jobs] of groupBy(holders, ({ type, key }) => `${type} ${key}`))
    if (jobs.length > 1)
      fail('keys', `${jobs.map(({ id, status }) => `${id} ${status ?? 'live'}`).join(' and ')} hold the key ${key}`);
}

/** No confirmed success is lost or repeated, and none is invented. Answers how many were repeated as promised. */
function checkSuccesses(
  account: Account,
  runs: readonly Run[],
  byJob: ReadonlyMap<string, readonly Run[]>,
  rows: ReadonlyMap<string, Row>,
  fail: Fail,
): number {
  for (const { id, status, fence, mode, code } of rows.values()) {
    const own = byJob.get(id) ?? [];
    if (status === 'COMPLETED' && !own.some((run) => run.fence === fence && succeeded(run)))
      fail('successes', `job ${id} is COMPLETED under fence ${fence}, and no handler succeeded under it`);
    if (status === 'DEAD_LETTER' && !ENDS_DEAD.includes(mode) && !own.some((run) => wasHit(account, run)))
      fail('dead letters', `job ${id} (${mode}) is a dead letter (${code}), and nothing had happened to its runs`);
  }
  const reports = new Map<string, { at: number; report: Reported }>();
  for (const fact of account.facts)
    if (fact.what === 'report') reports.set(`${fact.process} ${fact.tick}`, { at: fact.at, report: fact.report });
  const ticks = new Set(
    account.facts
      .filter(({ what }) => what === 'tick')
      .map((fact) => ('tick' in fact ? `${fact.process} ${fact.tick}` : '')),
  );
  // SIGTERM, too, ends a process before it could write down a report: at the end of its last drain.
  const ending = account.disturbances.filter(({ kind }) => kind === 'killed' || kind === 'told to end');
  const endedFrom = new Map(ending.map(({ process, from }) => [process, from]));
  let repeated = 0;
  for (const [tick, inTick] of groupBy(runs, (run) => `${run.process} ${run.tick}`)) {
    const successes = inTick.filter(({ outcome }) => outcome === 'ok');
    const unstored = successes.filter(({ job, fence }) => {
      const row = rows.get(job);
      return row?.status !== 'COMPLETED' || row.fence !== fence;
    });
    repeated += unstored.filter(({ job, fence }) => byJob.get(job)?.some((run) => run.fence > fence)).length;
    const told = reports.get(tick);
    if (!told) {
      const [{ process, tick: number } = { process: '', tick: 0 }] = inTick;
      if (ticks.has(`${process} ${number + 1}`)) fail('reports', `tick ${tick} ran jobs and rejected`);
      const from = endedFrom.get(process);
      if (account.isAtRest && from === undefined)
        fail('reports', `tick ${tick} has no report, and nobody ended its process`);
      for (const run of unstored)
        if (
          from !== undefined &&
          run.endedAt !== null &&
          run.endedAt < from - SENT_MS &&
          !isExcused(account, run, rows)
        )
          fail(
            'successes',
            `job ${run.job} succeeded under fence ${run.fence} ${Math.round(from - run.endedAt)} ms before its process was ended, and that is not stored`,
          );
      continue;
    }
    if (told.at > account.readAt) continue;
    const { completed, unconfirmed, lost } = told.report;
    if (unstored.length > unconfirmed + lost)
      fail(
        'successes',
        `tick ${tick} reports ${unconfirmed} unconfirmed and ${lost} lost outcomes, and ${unstored.length} successes are not stored: ` +
          unstored
            .slice(0, 5)
            .map(({ job, fence }) => `${job} under fence ${fence}`)
            .join(', '),
      );
    const most = inTick.filter(succeeded).length;
    if (completed > most)
      fail('successes', `tick ${tick} reports ${completed} completed jobs, and ${most} handlers succeeded`);
  }
  return repeated;
}

/** An operator cancelled its job while it ran, or its outcome could not be sent. */
function isExcused(account: Account, run: Run, rows: ReadonlyMap<string, Row>): boolean {
  const { job, process, beganAt } = run;
  if (rows.get(job)?.status === 'CANCELLED' || wasReplayed(account, job, beganAt, Number.POSITIVE_INFINITY))
    return true;
  return account.disturbances.some(
    ({ process: whose, kind, to }) => (whose === null || (whose === process && kind === 'stopped')) && to >= beganAt,
  );
}

function wasReplayed({ replays }: Account, job: string, from: number, to: number): boolean {
  return replays.some(({ at, ids }) => at >= from && at <= to && ids.includes(job));
}

/** A late success counts if the drain still waited for its handler. */
function succeeded({ outcome }: Run): boolean {
  return outcome === 'ok' || outcome === 'late';
}

/** Something happened to its process, or its signal did, while it ran. */
function wasHit({ disturbances }: Account, { process, beganAt, endedAt, outcome }: Run): boolean {
  if (outcome === 'aborted' || outcome === 'late') return true;
  return disturbances.some(
    (one) =>
      (one.process === null || one.process === process) &&
      one.to >= beganAt &&
      (endedAt === null || one.from <= endedAt + LEAST_LEASE_MS),
  );
}

/** A job never runs twice at once before its first lease can have ended. A process that was killed runs nothing. */
function checkOverlaps(
  account: Account,
  byJob: ReadonlyMap<string, readonly Run[]>,
  rows: ReadonlyMap<string, Row>,
  fail: Fail,
): void {
  const kills = account.disturbances.filter(({ kind }) => kind === 'killed');
  const killedAt = new Map(kills.map(({ process, to }) => [process, to]));
  for (const [job, own] of byJob) {
    const inOrder = own.toSorted((a, b) => a.fence - b.fence);
    for (const [n, run] of inOrder.entries()) {
      const before = inOrder[n - 1];
      if (!before) continue;
      if (run.beganAt < before.beganAt)
        fail('fences', `job ${job} began under fence ${run.fence} before it began under ${before.fence}`);
      const endedAt = before.endedAt ?? killedAt.get(before.process) ?? Number.POSITIVE_INFINITY;
      const isOver = endedAt <= run.beganAt;
      const replayed = wasReplayed(account, job, before.beganAt - HEARD_MS, run.beganAt);
      if (!isOver && !replayed && run.beganAt - before.beganAt < LEAST_LEASE_MS)
        fail(
          'one at a time',
          `job ${job} began under fence ${run.fence} ${Math.round(run.beganAt - before.beganAt)} ms after it began under ${before.fence}, which had not ended`,
        );
      if (rows.get(job)?.status === 'COMPLETED' && rows.get(job)?.fence === before.fence)
        fail('successes', `job ${job} completed under fence ${before.fence} and ran again under ${run.fence}`);
    }
  }
}

/** A run starts from the last confirmed checkpoint, or behind it. */
function checkStates({ facts }: Account, byJob: ReadonlyMap<string, readonly Run[]>, fail: Fail): void {
  const confirmed = new Set<string>();
  for (const fact of facts)
    if (fact.what === 'report' && fact.report.unconfirmed === 0 && fact.report.lost === 0)
      confirmed.add(`${fact.process} ${fact.tick}`);
  for (const [job, own] of byJob) {
    let least = 0;
    for (const run of own.toSorted((a, b) => a.fence - b.fence)) {
      if (run.done < least)
        fail(
          'states',
          `job ${job} began under fence ${run.fence} with ${run.done} steps done, after ${least} were confirmed`,
        );
      least = Math.max(least, run.saved);
      if (run.outcome === 'continued' && confirmed.has(`${run.process} ${run.tick}`))
        least = Math.max(least, run.endedDone);
    }
  }
}

/** A cancelled job begins no run once its drain can have heard of the cancel, and its run has heard its signal by then. */
function checkCancelled(
  account: Account,
  byJob: ReadonlyMap<string, readonly Run[]>,
  rows: ReadonlyMap<string, Row>,
  fail: Fail,
): void {
  for (const { id, status, mode, finishedAt } of rows.values()) {
    if (status !== 'CANCELLED' || finishedAt === null) continue;
    for (const { beganAt, endedAt, process, fence } of byJob.get(id) ?? []) {
      const goneOnMs = (beganAt > finishedAt || mode === 'deaf' ? beganAt : (endedAt ?? beganAt)) - finishedAt;
      if (goneOnMs < HEARD_MS + LOADED_MS) continue;
      const disturbed = account.disturbances.some(
        (one) =>
          (one.process === null || one.process === process) &&
          one.from <= finishedAt + goneOnMs &&
          one.to >= finishedAt,
      );
      const did = beganAt > finishedAt ? 'began' : 'still ran';
      if (!disturbed)
        fail('cancelled', `job ${id} ${did} under fence ${fence} ${Math.round(goneOnMs)} ms after it was cancelled`);
    }
  }
}

/** A paused type begins nothing once its drains can have heard of it. One that cannot hear begins nothing either, so only a frozen process is excused. */
function checkPauses({ pauses, disturbances }: Account, runs: readonly Run[], fail: Fail): void {
  const frozen = disturbances.filter(({ kind }) => kind === 'stopped');
  for (const pause of pauses)
    for (const { job, type, process, beganAt } of runs) {
      if (type !== pause.type || beganAt >= pause.to || beganAt < pause.from + HEARD_MS + LOADED_MS) continue;
      if (frozen.some((one) => one.process === process && one.from <= beganAt && one.to >= pause.from)) continue;
      fail('pauses', `job ${job} began ${Math.round(beganAt - pause.from)} ms after its type ${type} was paused`);
    }
}

/** A parent runs once its children have completed, never before. */
function checkFlows(
  { flows }: Account,
  byJob: ReadonlyMap<string, readonly Run[]>,
  rows: ReadonlyMap<string, Row>,
  fail: Fail,
): void {
  for (const { parent, children } of flows)
    for (const run of byJob.get(parent) ?? [])
      for (const child of children) {
        const done = byJob
          .get(child)
          ?.some((one) => succeeded(one) && one.endedAt !== null && one.endedAt <= run.beganAt);
        if (!done)
          fail(
            'flows',
            `parent ${parent} began before its child ${child} (${rows.get(child)?.status ?? 'live'}) had succeeded`,
          );
      }
}

/** A slot of a schedule has one job. */
function checkSlots(runs: readonly Run[], fail: Fail): void {
  for (const [slot, own] of groupBy(
    runs.filter((run) => run.slot !== null),
    (run) => String(run.slot),
  )) {
    const jobs = new Set(own.map(({ job }) => job));
    if (jobs.size > 1) fail('schedules', `the slot ${slot} has the jobs ${[...jobs].join(' and ')}`);
  }
}

/** Starts of the limited type in any window of any length are within the limit. */
function checkLimit(runs: readonly Run[], fail: Fail): void {
  const { perSecond, burst } = LIMIT;
  const starts = runs
    .filter(({ type }) => type === 'limited')
    .map(({ beganAt }) => beganAt)
    .sort((a, b) => a - b);
  let least = Number.POSITIVE_INFINITY;
  let from = 0;
  let worst = 0;
  let words = '';
  for (const [n, at] of starts.entries()) {
    const ahead = n - (perSecond * at) / 1_000;
    if (ahead < least) [least, from] = [ahead, at];
    const excess = ahead - least + 1 - burst;
    if (excess > Math.max(worst, LIMIT_SLACK)) {
      worst = excess;
      words = `${excess.toFixed(1)} starts more than the limit allows in ${Math.round(at - from)} ms up to ${new Date(at).toISOString()}`;
    }
  }
  if (worst > LIMIT_SLACK) fail('limits', words);
}

function groupBy<Value>(values: readonly Value[], key: (value: Value) => string): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const group = groups.get(key(value));
    if (group) group.push(value);
    else groups.set(key(value), [value]);
  }
  return groups;
}
