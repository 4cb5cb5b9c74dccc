/** Runs a campaign until it ends or this run's time does. Where it stands is in its rows alone, and moves only by commits. */

import { cancelJob, continueWith, type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import { readPause } from '../../connections/connection.ts';
import { waitForOperator } from '../../connections/outage.ts';
import { whatsAppAccount } from '../../providers/whatsapp.ts';
import { backToRunning, beginSettling, completeCampaign, pauseCampaign, skipWaiting, unsettled } from './end.ts';
import { type OpenCampaign, openCampaign } from './open.ts';
import { planSlice } from './plan.ts';
import { readReport } from './report.ts';
import { sendSlices } from './send.ts';
import { stateOf } from './state.ts';
import { sweep } from './sweep.ts';

export interface Payload {
  readonly campaignId: string;
  readonly companyId?: string | undefined;
  readonly recipientId?: string | undefined;
  readonly shard: number;
}

/** Bounds of the wait before a job looks for changes by an operator, a webhook or the clock. A longer wait is split. */
const LOOK_MS = { least: 250, most: 5 * 60_000 };
/** Statuses of accepted messages come within seconds, or within days when a phone is off: the report goes on counting them. */
const SETTLE_MS = 10 * 60_000;

export const run: Handler<Payload> = (context) => runCampaign(database(), context);

/** Answers what became of the campaign, or, when the time is up or there is nothing to do yet, how to go on. */
export async function runCampaign(database: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { campaignId } = context.payload;
  // Each turn but the last follows a change of the campaign's status, or a slice of planning: both are bounded.
  for (;;) {
    const campaign = await openCampaign(database, context.payload);
    if (campaign === null) throw new NonRetryableError(`there is no campaign ${campaignId} of this company`);
    const outcome = await advance(database, campaign, context);
    if (outcome !== 'again') return outcome;
    if (context.signal.aborted) return continueWith(stateOf(context.job.state));
  }
}

async function advance(
  database: Executor,
  campaign: OpenCampaign,
  context: JobContext<Payload>,
): Promise<unknown | 'again'> {
  const { campaignId, status } = campaign;
  const isFirst = context.payload.shard === 0 && context.payload.recipientId === undefined;
  switch (status) {
    case 'draft':
      return { status };
    case 'planning':
      if (campaign.startsInMs !== null) return later(campaign.startsInMs);
      return isFirst ? plan(database, campaign, context) : later(1_000);
    case 'running':
      return send(database, campaign, context);
    case 'paused':
      return campaign.resumesInMs === null ? { status, pause: campaign.pause } : later(campaign.resumesInMs);
    case 'settling':
      return isFirst ? settle(database, campaign, context) : { status };
    case 'completed':
      return { status };
    case 'cancelled':
    case 'failed': {
      while (await skipWaiting(database, campaignId)) if (context.signal.aborted) return later(0);
      await sweep(database, campaignId);
      const { unknown } = await unsettled(database, campaignId);
      if (unknown > 0 && isFirst) return later(60_000);
      return status === 'cancelled' ? cancelJob('the campaign was cancelled') : { status };
    }
  }
}

async function plan(database: Executor, campaign: OpenCampaign, context: JobContext<Payload>): Promise<unknown> {
  const isOver = () => context.signal.aborted || context.deadline.getTime() - Date.now() <= PLAN_MARGIN_MS;
  let after = campaign.planPosition;
  while (!isOver()) {
    const planned = await planSlice(database, campaign, after, isOver);
    if (typeof planned === 'string') return 'again';
    after = planned.next;
    context.progress({
      done: Number(after),
      ...(campaign.planLimit !== null && { total: Number(campaign.planLimit) }),
    });
  }
  return continueWith(stateOf(context.job.state));
}

/** A slice of planning takes less than a tenth of it. */
const PLAN_MARGIN_MS = 2_000;

async function send(database: Executor, campaign: OpenCampaign, context: JobContext<Payload>): Promise<unknown> {
  const { campaignId, companyId } = campaign;
  const state = stateOf(context.job.state);
  const account = await whatsAppAccount(database, companyId);
  if (await readPause(database, { companyId, provider: 'whatsapp' })) return waitForOperator(state);
  if (account === null) {
    await pauseCampaign(database, campaignId, NOT_CONFIGURED);
    return 'again';
  }
  await sweep(database, campaignId);
  const ended = await sendSlices(database, campaign, account, context);
  if (ended.kind === 'job') return ended.outcome;
  if (ended.kind === 'waits') return later(ended.forMs);
  if (ended.kind === 'exhausted') await beginSettling(database, campaignId);
  return 'again';
}

const NOT_CONFIGURED = {
  code: 'not_configured',
  message: 'the company has no WhatsApp number and token, and neither has this deployment',
};

async function settle(database: Executor, campaign: OpenCampaign, context: JobContext<Payload>): Promise<unknown> {
  const { campaignId, settlingForMs } = campaign;
  const { revived } = await sweep(database, campaignId);
  if (revived > 0) {
    await backToRunning(database, campaignId);
    return 'again';
  }
  const { unknown, accepted } = await unsettled(database, campaignId);
  if (unknown > 0 || (accepted > 0 && (settlingForMs ?? 0) < SETTLE_MS)) {
    const { looks } = stateOf(context.job.state);
    return continueWith({ looks: looks + 1 }, { delayMs: Math.min(2 ** looks * 1_000, 60_000) });
  }
  const report = await readReport(database, campaignId);
  if (report !== null) await completeCampaign(database, campaignId, report);
  await backToRunning(database, campaignId);
  return 'again';
}

function later(delayMs: number) {
  return continueWith({}, { delayMs: Math.min(Math.max(delayMs, LOOK_MS.least), LOOK_MS.most) });
}
