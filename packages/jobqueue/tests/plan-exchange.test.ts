/** When a drain's exchange goes out and what it claims, as tables: no database, no clock. */
import { describe, expect, test } from 'vitest';
import { type ExchangeState, HEARTBEAT_MS, planExchange, SETTLE_AFTER_MS } from '../src/drain/plan-exchange.ts';

type Changes = { readonly [Part in keyof ExchangeState]?: Partial<ExchangeState[Part]> };

const NOW = 100_000;
const ABORT_AT = NOW + 60_000;

/** A drain that runs ten jobs of 100 ms at once and has just heard from Postgres: nothing is due. */
function state(changes: Changes = {}): ExchangeState {
  const busy: ExchangeState = {
    jobs: {
      size: 20,
      freeSlots: 0,
      isIdle: false,
      hasSuspect: false,
      hasUrgentUpdate: false,
      throughput: { concurrency: 10, maxBatch: 1_000, meanRunMs: 100 },
    },
    outbox: { size: 0, oldestAtMs: null, hasUnconfirmed: false },
    pipelining: { inFlight: 0, maxInFlight: 2, claims: 0, comingJobs: 0, hasIdleClaim: false, hasRepeated: false },
    claims: {
      hasCursors: true,
      exhausted: false,
      needsSlot: false,
      knowsNothing: false,
      lingersUntilMs: null,
      jobsLeft: Number.POSITIVE_INFINITY,
    },
    peers: { areIdle: true, holdSuspect: false },
    lastHeartbeatAtMs: NOW,
    abortAtMs: ABORT_AT,
  };
  return {
    ...busy,
    ...changes,
    jobs: { ...busy.jobs, ...changes.jobs },
    outbox: { ...busy.outbox, ...changes.outbox },
    pipelining: { ...busy.pipelining, ...changes.pipelining },
    claims: { ...busy.claims, ...changes.claims },
    peers: { ...busy.peers, ...changes.peers },
  } as ExchangeState;
}

const EMPTY = { size: 0, freeSlots: 10, isIdle: true };
const FRESH = { ...EMPTY, throughput: { concurrency: 10, maxBatch: 1_000, meanRunMs: null } };
/** So many claimed jobs that no claim has room; a second of work is a hundred of them. */
const FULL = { size: 200 };
const plan = (changes: Changes = {}) => planExchange(state(changes), NOW);

describe('an exchange goes out', () => {
  test.each<[claim: string, changes: Changes]>([
    ['a fresh drain claims at once', { jobs: FRESH, claims: { hasCursors: false } }],
    ['room for a batch is worth a claim', {}],
    ['a batch of outcomes is settled', { jobs: FULL, outbox: { size: 100, oldestAtMs: NOW } }],
    ['an outcome does not wait for more', { jobs: FULL, outbox: { size: 1, oldestAtMs: NOW - SETTLE_AFTER_MS } }],
    ['the last outcome is settled at once', { jobs: EMPTY, outbox: { size: 1, oldestAtMs: NOW } }],
    ['a heartbeat is due', { jobs: FULL, lastHeartbeatAtMs: NOW - HEARTBEAT_MS } as Changes],
    ['a checkpoint waits for its commit', { jobs: { ...FULL, hasUrgentUpdate: true } }],
    ['a suspect waits for its start', { jobs: { size: 1, hasSuspect: true, hasUrgentUpdate: true } }],
    [
      'the job that was waited for falls due',
      { jobs: EMPTY, claims: { exhausted: true, knowsNothing: true, lingersUntilMs: NOW } },
    ],
  ])('%s', (_, changes) => {
    expect(plan(changes).send).toBe(true);
  });
});

describe('nothing goes out', () => {
  test.each<[claim: string, changes: Changes]>([
    ['while there is room for no batch', { jobs: FULL }],
    ['while one exchange too many is on its way', { pipelining: { inFlight: 2 } }],
    ['before the first answer, beside the first exchange', { pipelining: { inFlight: 1, maxInFlight: 1 } }],
    ['for less than a batch of outcomes', { jobs: FULL, outbox: { size: 99, oldestAtMs: NOW - SETTLE_AFTER_MS + 1 } }],
    ['before the heartbeat', { jobs: FULL, lastHeartbeatAtMs: NOW - HEARTBEAT_MS + 1 } as Changes],
    ['when the queue is known to be empty', { jobs: EMPTY, claims: { exhausted: true, knowsNothing: true } }],
    [
      'before the job that is waited for falls due',
      { jobs: EMPTY, claims: { exhausted: true, knowsNothing: true, lingersUntilMs: NOW + 1 } },
    ],
    ['when all that was due is claimed, and jobs run', { claims: { exhausted: true } }],
    [
      'while outcomes are on their way that may bring back what the last claim did not see',
      { jobs: EMPTY, outbox: { hasUnconfirmed: true }, claims: { exhausted: true } },
    ],
    ['for rescued jobs that no slot is free for', { claims: { needsSlot: true } }],
    [
      'for the start of a suspect beside another exchange',
      {
        jobs: { size: 1, hasSuspect: true, hasUrgentUpdate: true },
        pipelining: { inFlight: 1 },
      },
    ],
  ])('%s', (_, changes) => {
    expect(plan(changes)).toMatchObject({ send: false, claim: null });
  });
});

describe('a claim', () => {
  test.each<[claim: string, changes: Changes, claimed: object]>([
    [
      'asks for as many as run at once, until a job has ended',
      { jobs: FRESH, claims: { hasCursors: false } },
      { limit: 10, free: 10 },
    ],
    ['asks for a second of work, and a second ahead', {}, { limit: 180, free: 0 }],
    ['counts what other claims may bring', { pipelining: { inFlight: 1, claims: 1, comingJobs: 50 } }, { limit: 130 }],
    [
      'keeps to the batch',
      { jobs: { throughput: { concurrency: 10, maxBatch: 7, meanRunMs: 100 }, size: 0 } },
      { limit: 7 },
    ],
    ['keeps to the limit of the drain', { claims: { jobsLeft: 3 }, jobs: FRESH }, { limit: 3 }],
    ['goes along with outcomes', { jobs: { size: 150 }, outbox: { size: 100, oldestAtMs: NOW } }, { limit: 50 }],
    ['is alone when nothing else is claimed', { jobs: FRESH }, { alone: true }],
    [
      'is not alone beside another claim',
      {
        jobs: FRESH,
        outbox: { size: 1, oldestAtMs: NOW },
        pipelining: { inFlight: 1, claims: 1, comingJobs: 2 },
        claims: { hasCursors: false },
      },
      { alone: false, idle: false, free: 8 },
    ],
    [
      'is not alone while outcomes are unconfirmed',
      { jobs: FRESH, outbox: { hasUnconfirmed: true } },
      { alone: false },
    ],
    ['may bring a suspect to an idle process', { jobs: FRESH, claims: { hasCursors: false } }, { idle: true }],
    [
      'brings no suspect beside other drains',
      { jobs: FRESH, claims: { hasCursors: false }, peers: { areIdle: false } },
      { alone: true, idle: false },
    ],
    [
      'brings no suspect while there is more to come',
      { jobs: FRESH, claims: { hasCursors: true } },
      { alone: true, idle: false },
    ],
    [
      'brings no suspect beside a handler that ignored its signal',
      { jobs: { ...FRESH, isIdle: false }, claims: { hasCursors: false } },
      { alone: true, idle: false },
    ],
  ])('%s', (_, changes, claimed) => {
    expect(plan(changes).claim).toMatchObject(claimed);
  });

  test.each<[claim: string, changes: Changes]>([
    ['a suspect is here', { jobs: { hasSuspect: true, size: 1 } }],
    ['a suspect may be on its way', { pipelining: { inFlight: 1, claims: 1, hasIdleClaim: true } }],
    ['another drain of the process has a suspect', { peers: { holdSuspect: true } }],
    ['outcomes cannot be stored', { pipelining: { hasRepeated: true } }],
    [
      'jobs run one by one and a claim is on its way',
      { jobs: { throughput: { concurrency: 1, maxBatch: 10, meanRunMs: 1 } }, pipelining: { inFlight: 1, claims: 1 } },
    ],
    ['the limit is reached', { claims: { jobsLeft: 0 } }],
    [
      'claims on their way may reach the limit',
      { claims: { jobsLeft: 5 }, pipelining: { inFlight: 1, claims: 1, comingJobs: 5 } },
    ],
  ])('no job is claimed while %s, and outcomes are settled all the same', (_, changes) => {
    const due = { size: 100, oldestAtMs: NOW - SETTLE_AFTER_MS };
    expect(plan({ ...changes, outbox: due })).toMatchObject({ send: true, claim: null });
  });
});

describe('without an event the drain looks again', () => {
  test.each<[claim: string, changes: Changes, wakeInMs: number]>([
    ['when it has to end', { jobs: FULL }, 60_000],
    ['when its oldest outcome has waited long enough', { jobs: FULL, outbox: { size: 1, oldestAtMs: NOW - 50 } }, 200],
    [
      'when the next job falls due',
      { jobs: EMPTY, claims: { exhausted: true, knowsNothing: true, lingersUntilMs: NOW + 700 } },
      700,
    ],
    [
      'when an answer comes, whatever falls due',
      {
        jobs: EMPTY,
        pipelining: { inFlight: 1 },
        claims: { exhausted: true, knowsNothing: true, lingersUntilMs: NOW + 700 },
      },
      60_000,
    ],
    [
      'when an answer comes, however long its outcomes have waited',
      { jobs: FULL, pipelining: { inFlight: 2 }, outbox: { size: 1, oldestAtMs: NOW - 900 } },
      60_000,
    ],
    [
      'when its jobs have ended, if the next job has fallen due beside them',
      { jobs: FULL, claims: { exhausted: true, lingersUntilMs: NOW - 1 } },
      60_000,
    ],
    ['after a millisecond at the earliest', { jobs: FULL, abortAtMs: NOW } as Changes, 1],
  ])('%s', (_, changes, wakeInMs) => {
    expect(plan(changes).wakeInMs).toBe(wakeInMs);
  });
});
