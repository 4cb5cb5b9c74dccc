/** Claims and sends, batch by batch, until the time, the tokens or the recipients run out, or something says stop. */

import { type Continue, continueWith, type JobContext } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { noteAnswer, pauseConnection } from '../../connections/connection.ts';
import { waitForOperator, waitOut } from '../../connections/outage.ts';
import { tellQueue } from '../../imports/lead-import/tell-queue.ts';
import { numberBucket, throttleMs, type WhatsAppAccount } from '../../providers/whatsapp.ts';
import { sendBatch } from './batch.ts';
import { tripped } from './breaker.ts';
import { type Claims, claimRecipients } from './claim.ts';
import { failCampaign, forgiveFailures, pauseCampaign } from './end.ts';
import type { OpenCampaign } from './open.ts';
import { startLedger } from './settle.ts';
import { stateOf } from './state.ts';
import { type Halt, unstarted } from './verdict.ts';
import { renewWindows } from './windows.ts';

/**
 * The most recipients claimed at once, about a second of sending: claimed recipients are closed to other jobs, and unknown if
 * this run dies.
 */
const MOST_CLAIMED = 20;
/** Meta answers in 0.1 to 2 s. */
const CALL_MS = 15_000;
/** Time from an answer to its commit and the end of the run, ms. */
const WAY_OUT_MS = 1_500;
const LEAST_ROOM_MS = 3_000;
/**
 * Others have their turn; and only a run that ends clears a job of the functions that died around it. The queue gives up
 * a job of which three died in a row: with runs of minutes those of one bad afternoon would add up.
 */
const SLICE_MS = 5_000;

export type Ended =
  /** The run is over; the job goes on like this. */
  | { readonly kind: 'job'; readonly outcome: Continue | { readonly status: string } }
  /** Nobody is due before. */
  | { readonly kind: 'waits'; readonly forMs: number }
  | { readonly kind: 'exhausted' }
  /** The campaign has changed: look at it again. */
  | { readonly kind: 'changed' };

interface Context
  extends Pick<JobContext<unknown>, 'job' | 'signal' | 'deadline' | 'rateLimit' | 'progress' | 'checkpoint'> {
  readonly payload: { readonly recipientId?: string | undefined };
}

export async function sendSlices(
  database: Executor,
  campaign: OpenCampaign,
  account: WhatsAppAccount,
  context: Context,
): Promise<Ended> {
  const { campaignId, companyId, perSecond } = campaign;
  const { signal, deadline, payload, progress } = context;
  const recipientId = payload.recipientId ?? null;
  const most = recipientId === null ? Math.min(Math.max(Math.floor(perSecond), 1), MOST_CLAIMED) : 1;
  const remainingMs = () => deadline.getTime() - Date.now();
  const tell = tellQueue(context);
  let throttles = stateOf(context.job.state).throttles;
  let slowestMs = 0;
  let done = 0;
  while (await renewWindows(database, campaign)) if (signal.aborted) return goOn({ throttles });
  const endsAtMs = performance.now() + SLICE_MS;
  const hasTime = () => performance.now() < endsAtMs && remainingMs() > Math.max(LEAST_ROOM_MS, 2 * slowestMs);
  while (!signal.aborted && hasTime()) {
    const beganAtMs = performance.now();
    const claims = await claimRecipients(database, { campaignId, recipientId, most });
    if (claims.kind === 'over') return { kind: 'changed' };
    if (claims.kind === 'no_template') return withoutTemplate(database, campaignId, claims.templateStatus);
    const alarm = tripped(claims.newest, campaign);
    if (alarm !== null) {
      await giveBack(database, campaignId, claims.claimed);
      await forgiveFailures(database, campaignId);
      return halt(database, campaign, account, context, alarm, throttles);
    }
    if (claims.claimed.length === 0) {
      const ended = await withoutClaim(database, campaign, claims, recipientId);
      if (ended !== null) return ended;
      continue;
    }
    const callMs = Math.max(Math.min(CALL_MS, remainingMs() - WAY_OUT_MS), 1_000);
    const sent = await sendBatch(database, context, { campaignId, account, perSecond, callMs }, claims);
    slowestMs = Math.max(slowestMs, performance.now() - beganAtMs);
    if (sent.accepted > 0 && done === 0) await noteAnswer(database, { companyId, provider: 'whatsapp' });
    if (sent.accepted > 0) throttles = 0;
    done += sent.accepted;
    progress({ done, note: `${done} sent in this run` });
    const trouble = sent.halt ?? silence(sent);
    if (trouble !== null) return halt(database, campaign, account, context, trouble, throttles);
    if (sent.stopped) break;
    tell({ throttles }); // throws once the job is no longer ours
  }
  return goOn({ throttles });
}

function goOn(state: object, delayMs = 0): Ended {
  return { kind: 'job', outcome: continueWith(state, { delayMs }) };
}

/** Every unanswered call is a message that nobody knows about: where they pile up, it is an outage and no bad luck. */
function silence({ unknown, called }: { unknown: number; called: number }): Halt | null {
  if (unknown === 0 || unknown * 2 < called) return null;
  return { kind: 'outage', error: new Error(`${unknown} of ${called} calls got no answer`) };
}

async function withoutClaim(
  database: Executor,
  campaign: OpenCampaign,
  claims: Extract<Claims, { kind: 'claimed' }>,
  recipientId: string | null,
): Promise<Ended | null> {
  const { skipped, renew, peopleFreeInMs, exhausted, nextInMs } = claims;
  if (renew) {
    await renewWindows(database, campaign);
    return null;
  }
  if (skipped > 0) return null;
  if (peopleFreeInMs !== null) {
    await pauseCampaign(database, campaign.campaignId, PORTFOLIO_FULL, peopleFreeInMs);
    return { kind: 'changed' };
  }
  if (recipientId !== null && nextInMs === null) return { kind: 'job', outcome: { status: 'not_waiting' } };
  return exhausted ? { kind: 'exhausted' } : { kind: 'waits', forMs: nextInMs ?? OTHERS_MS };
}

/** Nobody waits, but other runs are sending: what they give back is for us. */
const OTHERS_MS = 1_000;

const PORTFOLIO_FULL = {
  code: 'portfolio_limit',
  message: 'the limit of people in 24 hours is reached; the campaign continues when there is room again',
};

async function withoutTemplate(database: Executor, campaignId: string, status: string): Promise<Ended> {
  const word = status.toLowerCase();
  await pauseCampaign(database, campaignId, { code: `template_${word}`, message: `the template is ${word} at Meta` });
  return { kind: 'changed' };
}

async function giveBack(
  database: Executor,
  campaignId: string,
  claimed: Extract<Claims, { kind: 'claimed' }>['claimed'],
): Promise<void> {
  const ledger = startLedger(database, campaignId);
  for (const one of claimed) ledger.note(unstarted(one));
  await ledger.close();
}

async function halt(
  database: Executor,
  { campaignId, companyId }: OpenCampaign,
  account: WhatsAppAccount,
  { rateLimit }: Context,
  why: Halt,
  throttles: number,
): Promise<Ended> {
  const connection = { companyId, provider: 'whatsapp' } as const;
  const bucket = numberBucket(account.phoneNumberId);
  switch (why.kind) {
    case 'fail_campaign':
      await failCampaign(database, campaignId, { code: why.code, message: why.message });
      return { kind: 'changed' };
    case 'pause_campaign':
      await pauseCampaign(database, campaignId, { code: why.code, message: why.message });
      return { kind: 'changed' };
    case 'pause_channel':
      await pauseConnection(database, connection, { code: why.code, reason: why.message });
      return { kind: 'job', outcome: waitForOperator({}) };
    case 'throttled': {
      const delayMs = Math.max(throttleMs(throttles), why.retryAfterMs);
      await rateLimit.blockUntil(bucket, { delayMs });
      return goOn({ throttles: throttles + 1 }, delayMs);
    }
    case 'outage': {
      const outcome = await waitOut({ rateLimit }, database, connection, {
        bucket,
        state: { throttles },
        error: why.error,
      });
      return { kind: 'job', outcome };
    }
  }
}
