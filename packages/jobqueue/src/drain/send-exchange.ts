/** Brings one step to Postgres, whatever it takes: the same step again after a lost answer, halves after a refused value. */

import { diagnose, inFull } from '../core/diagnosis.ts';
import { withOutcomes } from '../core/drain-report.ts';
import { settle } from '../core/settle.ts';
import { verdictOn } from '../core/sqlstate.ts';
import type { Executor } from '../postgres/database.ts';
import { type Claim, type StepAnswer, type StepRequest, step } from '../postgres/statements/step.ts';
import { type Ended, type News, outcomesOf, withoutValues } from './execution.ts';

/** No answer within this time counts as lost; a step takes milliseconds, a cold database a few seconds. */
const ANSWER_TIMEOUT_MS = 10_000;
/** With less time left, a third of it, so that two more tries fit; below a second a healthy database would be taken for a mute one. */
const SHORT_ANSWER_TIMEOUT_MS = 1_000;
const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 5_000;
/** A drain that holds nothing yet gives up after this many tries: the next tick is a better time. */
const TRIES_WITH_EMPTY_HANDS = 6;

export interface Parcel {
  readonly ended: readonly Ended[];
  readonly news: readonly News[];
  readonly claim: Claim | null;
  readonly drain: Omit<StepRequest['drain'], 'claim' | 'again' | 'keyed' | 'flowed'>;
}

export interface Delivery {
  readonly executor: Executor;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly uuid: () => string;
  /** After this instant of `nowMs` nothing is tried again. */
  readonly giveUpAtMs: () => number;
  /** Counts a round trip; `tries` is above 1 when the step before had no answer. */
  readonly tried: (tries: number) => void;
}

/** Postgres did not answer in time, or refused each try; `cause` is the last error. The outcomes in hand were not recorded. */
export class UndeliveredError extends Error {
  override readonly name = 'UndeliveredError';
}

export interface Delivered {
  readonly answer: StepAnswer;
  /** The outcomes as they were recorded: a refused one went in as a failed attempt. */
  readonly ended: readonly Ended[];
  /** The news as they were recorded: a refused checkpoint is not among them. */
  readonly news: readonly News[];
}

/** Sends the parcel. Throws UndeliveredError when time is up, and errors that no repetition can mend as they are. */
export async function deliver(delivery: Delivery, parcel: Parcel): Promise<Delivered> {
  try {
    return { answer: await sendUntilAnswered(delivery, parcel), ended: parcel.ended, news: parcel.news };
  } catch (error) {
    if (verdictOn(error) !== 'refused') throw error;
    return deliverInParts(delivery, withoutCounts(parcel), error);
  }
}

async function sendUntilAnswered(delivery: Delivery, parcel: Parcel): Promise<StepAnswer> {
  const claim = delivery.uuid(); // kept through the retries, so that a repeated step gets back what its twin claimed
  const emptyHanded = parcel.ended.length === 0 && parcel.drain.step === 1;
  for (let tries = 1; ; tries++) {
    const leftMs = delivery.giveUpAtMs() - delivery.nowMs();
    try {
      delivery.tried(tries);
      const now = delivery.nowMs();
      const request = {
        drain: {
          ...parcel.drain,
          // what is confirmed by now and what comes with this very step: both are true once the row is written
          ...(parcel.drain.report && { report: withOutcomes(parcel.drain.report, parcel.ended) }),
          claim,
          again: tries > 1,
          keyed: parcel.ended.some(isKeyed),
          flowed: parcel.ended.some(isChild),
        },
        ...outcomesOf(parcel.ended, now),
        running: parcel.news.map((news) => news.json),
        claim: parcel.claim,
      };
      return await step(delivery.executor, request, answerTimeoutMs(leftMs));
    } catch (error) {
      if (verdictOn(error) !== 'passing') throw error;
      const waitMs = Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), MAX_RETRY_MS) * (0.5 + delivery.random());
      const tooLate = delivery.nowMs() + waitMs >= delivery.giveUpAtMs();
      if (tooLate || (emptyHanded && tries >= TRIES_WITH_EMPTY_HANDS))
        throw new UndeliveredError(undelivered(tries, error), { cause: error });
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

function undelivered(tries: number, error: unknown): string {
  const diagnosis = diagnose(error);
  if (!diagnosis?.answer) return `Postgres did not answer a step in ${tries} tries`;
  return `Postgres refused a step ${tries} times: ${inFull(diagnosis)}`;
}

/** Counts are of the whole parcel as it was meant: of a part, or of another outcome, they would be wrong. */
function withoutCounts({ drain: { rollups: _, ...drain }, ...rest }: Parcel): Parcel {
  return { ...rest, drain };
}

function isKeyed({ held }: Ended): boolean {
  return held.claimed.idempotencyKey !== null;
}

function isChild({ held }: Ended): boolean {
  return held.claimed.meta?.parent !== undefined;
}

function answerTimeoutMs(leftMs: number): number {
  return Math.max(100, Math.min(ANSWER_TIMEOUT_MS, Math.max(leftMs / 3, SHORT_ANSWER_TIMEOUT_MS), leftMs));
}

/** A refused step is never repeated as it is: halves, down to the one value at fault, which becomes a failed attempt. */
async function deliverInParts(delivery: Delivery, parcel: Parcel, refusal: unknown): Promise<Delivered> {
  const { ended, news } = parcel;
  if (ended.length === 0 && news.length === 0) throw refusal; // nothing of a handler's in it: the fault is ours
  if (ended.length === 1 && news.length === 0) return deliverAsFailure(delivery, parcel, ended[0] as Ended, refusal);
  if (ended.length === 0 && news.length === 1) {
    const bare = withoutValues(news[0] as News, refusal);
    if (bare === null) throw refusal; // nothing of the handler's in it
    return deliver(delivery, { ...parcel, news: [bare] });
  }
  const halfEnded = Math.ceil(ended.length / 2);
  const halfNews = Math.ceil(news.length / 2);
  const parts =
    ended.length > 0 && news.length > 0
      ? [
          { ended, news: [] },
          { ended: [], news },
        ]
      : [
          { ended: ended.slice(0, halfEnded), news: news.slice(0, halfNews) },
          { ended: ended.slice(halfEnded), news: news.slice(halfNews) },
        ];
  const recorded: Ended[] = [];
  const told: News[] = [];
  const answers: StepAnswer[] = [];
  for (const part of parts) {
    const delivered = await deliver(delivery, { drain: parcel.drain, claim: null, ...part });
    recorded.push(...delivered.ended);
    told.push(...delivered.news);
    answers.push(delivered.answer);
  }
  const last = await deliver(delivery, { drain: parcel.drain, claim: parcel.claim, ended: [], news: [] });
  return {
    ended: recorded,
    news: told,
    answer: {
      ...last.answer,
      settled: answers.reduce((sum, answer) => sum + answer.settled, 0),
      lost: answers.flatMap((answer) => answer.lost),
      revoked: answers.flatMap((answer) => answer.revoked),
    },
  };
}

async function deliverAsFailure(
  delivery: Delivery,
  parcel: Parcel,
  ended: Ended,
  refusal: unknown,
): Promise<Delivered> {
  if (
    ended.settlement.to !== 'give_back' &&
    'error' in ended.settlement &&
    ended.settlement.error.code === 'outcome_refused'
  )
    throw refusal; // even the plain failure is refused: the fault is not the handler's
  const { attempt } = ended.held.counters;
  const error = {
    name: 'OutcomeRefusedError',
    code: 'outcome_refused',
    message: 'Postgres refused to store what this run came to',
    attempt,
  };
  const settlement = settle(
    ended.held.counters,
    { kind: 'failed', error, retryAfterMs: 0, forGood: false },
    delivery.random,
  );
  return deliver(delivery, { ...parcel, ended: [{ ...ended, settlement }] });
}
