/**
 * Sends one message of the outbox, at most once. Its row says how far it is: queued, then sending, committed together with the
 * attempt before the call goes out. Whoever finds it sending finds a run that died, and nobody knows what Meta got.
 */

import { continueWith, type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import { noteAnswer, pauseConnection } from '../../connections/connection.ts';
import { waitForOperator, waitOut } from '../../connections/outage.ts';
import {
  numberBucket,
  numberLimit,
  PAIR_LIMIT,
  pairBucket,
  type SendOutcome,
  sendMessage,
  throttleMs,
  type WhatsAppError,
  whatsAppAccount,
  wordsOf,
} from '../../providers/whatsapp.ts';
import { newOpaqueId } from '../opaque-id.ts';
import { claimMessage, findMessage, settleMessage } from './outbox.ts';

interface Payload {
  readonly companyId: string;
  readonly messageId: string;
}

/** The most attempts of a message that Meta cannot take at the moment: after waits of 4, 16, 64 and 256 seconds it has failed. */
const MAX_ATTEMPTS = 5;

export const run: Handler<Payload> = (context) => sendQueued(database(), context);

export async function sendQueued(executor: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { payload, rateLimit, signal } = context;
  const { companyId, messageId } = payload;
  const connection = { companyId, provider: 'whatsapp' } as const;
  const found = await findMessage(executor, payload);
  if (found === null) throw new NonRetryableError(`company ${companyId} has no outgoing message ${messageId}`);
  if (found.status === 'sending') {
    await settleMessage(executor, payload, {
      to: 'unconfirmed',
      outcome: 'unknown',
      error: 'the run that sent it died',
    });
    return { status: 'unconfirmed' };
  }
  if (found.status !== 'queued') return { status: found.status };
  if (found.isPaused) return waitForOperator(null);
  const account = await whatsAppAccount(executor, companyId);
  if (account === null) {
    await pauseConnection(executor, connection, { code: 'not_configured', reason: 'a number or a token is missing' });
    return waitForOperator(null);
  }
  const number = numberBucket(account.phoneNumberId);
  const pair = pairBucket(account.phoneNumberId, found.to);
  await rateLimit(pair, PAIR_LIMIT); // the scarcer one first
  await rateLimit(number, numberLimit(found.perSecond));

  const opaqueId = newOpaqueId();
  const claimed = await claimMessage(executor, payload, opaqueId);
  if (!claimed.isOurs) return { status: claimed.status, error: claimed.error };
  const { to, body, replyTo } = found;
  const message = { kind: 'text', to, body, ...(replyTo !== null && { replyTo }) } as const;
  const sent = await sendMessage(account, message, { opaqueId, signal });
  if (sent.kind !== 'unsent') await noteAnswer(executor, connection);
  return settle(sent);

  async function settle(outcome: SendOutcome): Promise<unknown> {
    switch (outcome.kind) {
      case 'accepted':
        await settleMessage(executor, payload, { to: 'accepted', outcome: 'accepted', wamid: outcome.wamid });
        return { status: 'accepted', wamid: outcome.wamid };
      case 'unknown':
        await settleMessage(executor, payload, { to: 'unconfirmed', outcome: 'unknown', error: outcome.error.message });
        return { status: 'unconfirmed' };
      case 'unsent':
        await settleMessage(executor, payload, { to: 'queued', outcome: 'unsent', error: outcome.error.message });
        if (signal.aborted) return continueWith(null);
        return waitOut(context, executor, connection, { bucket: number, state: null, error: outcome.error });
      case 'refused':
        return refused(outcome.error, claimed.attempt);
    }
  }

  async function refused(refusal: WhatsAppError, attempt: number): Promise<unknown> {
    const { code, effect, retryAfterMs } = refusal;
    const error = wordsOf(code) ?? refusal.message;
    const requeue = () => settleMessage(executor, payload, { to: 'queued', outcome: 'refused', code, error });
    const delayMs = Math.max(throttleMs(attempt), retryAfterMs ?? 0);
    switch (effect) {
      case 'throttle_app':
      case 'throttle_account':
      case 'throttle_number':
        await requeue();
        await rateLimit.blockUntil(number, { delayMs });
        return continueWith(null, { delayMs });
      case 'throttle_pair':
        await requeue();
        await rateLimit.blockUntil(pair, { delayMs });
        return continueWith(null, { delayMs });
      case 'retry':
        if (attempt >= MAX_ATTEMPTS) break;
        await requeue();
        return continueWith(null, { delayMs });
      case 'pause_channel':
        await requeue();
        await pauseConnection(executor, connection, { code: String(code), reason: error });
        return waitForOperator(null);
      case 'ambiguous':
        await settleMessage(executor, payload, { to: 'unconfirmed', outcome: 'unknown', code, error });
        return { status: 'unconfirmed' };
      // These stop a campaign. A single message belongs to none, so it fails.
      case 'pause_campaign':
      case 'fail_campaign':
      case 'pause_template':
      case 'fail_parameters':
      case 'fail_message':
      case 'unreachable':
      case 'window_closed':
      case 'capped':
      case 'opted_out':
        break;
    }
    await settleMessage(executor, payload, { to: 'failed', outcome: 'refused', code, error });
    return { status: 'failed', code, error };
  }
}
