/** Brings one exchange to Postgres, whatever it takes: the same again after a lost answer, halves after a refused value. */

import { diagnose, inFull } from '../core/diagnosis.ts';
import { withOutcomes } from '../core/drain-report.ts';
import { settle } from '../core/settle.ts';
import { classifyError } from '../core/sqlstate.ts';
import type { Executor } from '../postgres/database.ts';
import { type Claim, type ExchangeParams, type ExchangeReply, exchange } from '../postgres/statements/exchange.ts';
import { type Ended, outcomesOf, type RunUpdate, withoutValues } from './execution.ts';

/** No answer within this time counts as lost; an exchange takes milliseconds, a cold database a few seconds. */
const ANSWER_TIMEOUT_MS = 10_000;
/** With less time left, a third of it, so that two more tries fit; below a second a healthy database would be taken for a mute one. */
const SHORT_ANSWER_TIMEOUT_MS = 1_000;
const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 5_000;
/** A drain that has no job yet gives up after this many tries: the next tick is a better time. */
const TRIES_WITHOUT_JOBS = 6;

export interface ExchangeRequest {
  readonly ended: readonly Ended[];
  readonly updates: readonly RunUpdate[];
  readonly claim: Claim | null;
  readonly drain: Omit<ExchangeParams['drain'], 'claim' | 'again' | 'keyed' | 'flowed' | 'followed'>;
}

export interface ExchangeTransport {
  readonly executor: Executor;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly uuid: () => string;
  /** After this instant of `nowMs` nothing is tried again. */
  readonly giveUpAtMs: () => number;
  /** Counts a round trip; `tries` is above 1 when the exchange before had no answer. */
  readonly tried: (tries: number) => void;
}

/** Postgres did not answer in time, or refused each try; `cause` is the last refusal, or else the last error. The outcomes were not recorded. */
export class ExchangeTimeoutError extends Error {
  override readonly name = 'ExchangeTimeoutError';
}

export interface ExchangeAnswer {
  readonly answer: ExchangeReply;
  /** The outcomes as they were recorded: a refused one went in as a failed attempt. */
  readonly ended: readonly Ended[];
  /** The updates as they were recorded: a refused checkpoint is not among them. */
  readonly updates: readonly RunUpdate[];
}

/** Sends the request. Throws ExchangeTimeoutError when time is up, and errors that no repetition can mend as they are. */
export async function sendExchange(transport: ExchangeTransport, request: ExchangeRequest): Promise<ExchangeAnswer> {
  try {
    return { answer: await sendUntilAnswered(transport, request), ended: request.ended, updates: request.updates };
  } catch (error) {
    if (classifyError(error) !== 'rejected') throw error;
    return sendInParts(transport, withoutCounts(request), error);
  }
}

async function sendUntilAnswered(transport: ExchangeTransport, request: ExchangeRequest): Promise<ExchangeReply> {
  const claim = transport.uuid(); // kept through the retries, so that a repeated exchange gets back what its twin claimed
  const hasNothing = request.ended.length === 0 && request.drain.step === 1;
  const refusals: unknown[] = []; // they say more than the last try, which may have had no time for an answer
  for (let tries = 1; ; tries++) {
    const leftMs = transport.giveUpAtMs() - transport.nowMs();
    try {
      transport.tried(tries);
      const now = transport.nowMs();
      const sent = {
        drain: {
          ...request.drain,
          // what is confirmed by now and what comes with this very exchange: both are true once the row is written
          ...(request.drain.report && { report: withOutcomes(request.drain.report, request.ended) }),
          claim,
          again: tries > 1,
          keyed: request.ended.some(isKeyed),
          flowed: request.ended.some(isChild),
          followed: request.ended.some(isFollowed),
        },
        ...outcomesOf(request.ended, now),
        running: request.updates.map(({ json }) => json),
        claim: request.claim,
      };
      return await exchange(transport.executor, sent, answerTimeoutMs(leftMs));
    } catch (error) {
      if (classifyError(error) !== 'transient') throw error;
      if (diagnose(error)?.answer) refusals.push(error);
      const waitMs = Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), MAX_RETRY_MS) * (0.5 + transport.random());
      const tooLate = transport.nowMs() + waitMs >= transport.giveUpAtMs();
      if (tooLate || (hasNothing && tries >= TRIES_WITHOUT_JOBS))
        throw new ExchangeTimeoutError(unanswered(tries, refusals), { cause: refusals.at(-1) ?? error });
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

function unanswered(tries: number, refusals: readonly unknown[]): string {
  const diagnosis = diagnose(refusals.at(-1));
  if (!diagnosis) return `Postgres did not answer an exchange in ${tries} tries`;
  const often =
    refusals.length === tries
      ? `${tries} times`
      : `in ${refusals.length} of ${tries} tries and did not answer the others`;
  return `Postgres refused an exchange ${often}: ${inFull(diagnosis)}`;
}

/** Counts are of the whole request as it was meant: of a part, or of another outcome, they would be wrong. */
function withoutCounts({ drain: { rollups: _, ...drain }, ...rest }: ExchangeRequest): ExchangeRequest {
  return { ...rest, drain };
}

function isKeyed({ execution }: Ended): boolean {
  return execution.claimed.idempotencyKey !== null;
}

function isChild({ execution }: Ended): boolean {
  return execution.claimed.meta?.parent !== undefined;
}

function isFollowed({ execution, settlement }: Ended): boolean {
  const { onCompleted, onDeadLetter } = execution.definition;
  return settlement.to === 'completed'
    ? onCompleted !== null
    : settlement.to === 'dead_letter' && onDeadLetter !== null;
}

function answerTimeoutMs(leftMs: number): number {
  return Math.max(100, Math.min(ANSWER_TIMEOUT_MS, Math.max(leftMs / 3, SHORT_ANSWER_TIMEOUT_MS), leftMs));
}

/** A refused exchange is never repeated as it is: halves, down to the one value at fault, which becomes a failed attempt. */
async function sendInParts(
  transport: ExchangeTransport,
  request: ExchangeRequest,
  refusal: unknown,
): Promise<ExchangeAnswer> {
  const { ended, updates } = request;
  if (ended.length === 0 && updates.length === 0) throw refusal; // nothing of a handler's in it: the fault is ours
  if (ended.length === 1 && updates.length === 0) return sendAsFailure(transport, request, ended[0] as Ended, refusal);
  if (ended.length === 0 && updates.length === 1) {
    const bare = withoutValues(updates[0] as RunUpdate, refusal);
    if (bare === null) throw refusal; // nothing of the handler's in it
    return sendExchange(transport, { ...request, updates: [bare] });
  }
  const halfEnded = Math.ceil(ended.length / 2);
  const halfUpdates = Math.ceil(updates.length / 2);
  const parts =
    ended.length > 0 && updates.length > 0
      ? [
          { ended, updates: [] },
          { ended: [], updates },
        ]
      : [
          { ended: ended.slice(0, halfEnded), updates: updates.slice(0, halfUpdates) },
          { ended: ended.slice(halfEnded), updates: updates.slice(halfUpdates) },
        ];
  const recorded: Ended[] = [];
  const reported: RunUpdate[] = [];
  const answers: ExchangeReply[] = [];
  for (const part of parts) {
    const answered = await sendExchange(transport, { drain: request.drain, claim: null, ...part });
    recorded.push(...answered.ended);
    reported.push(...answered.updates);
    answers.push(answered.answer);
  }
  const last = await sendExchange(transport, { drain: request.drain, claim: request.claim, ended: [], updates: [] });
  return {
    ended: recorded,
    updates: reported,
    answer: {
      ...last.answer,
      lost: answers.flatMap((answer) => answer.lost),
      revoked: answers.flatMap((answer) => answer.revoked),
    },
  };
}

async function sendAsFailure(
  transport: ExchangeTransport,
  request: ExchangeRequest,
  ended: Ended,
  refusal: unknown,
): Promise<ExchangeAnswer> {
  if (
    ended.settlement.to !== 'give_back' &&
    'error' in ended.settlement &&
    ended.settlement.error.code === 'outcome_refused'
  )
    throw refusal; // even the plain failure is refused: the fault is not the handler's
  const { attempt } = ended.execution.counters;
  const error = {
    name: 'OutcomeRefusedError',
    code: 'outcome_refused',
    message: 'Postgres refused to store what this run came to',
    attempt,
  };
  const settlement = settle(
    ended.execution.counters,
    { kind: 'failed', error, retryAfterMs: 0, forGood: false },
    transport.random,
    ended.execution.definition.retry,
  );
  return sendExchange(transport, { ...request, ended: [{ ...ended, settlement }] });
}
