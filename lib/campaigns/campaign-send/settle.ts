/** Writes outcomes as they come, all that came meanwhile in one statement: a run that dies takes few of them along. */

import { storableText } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { commitByHalves } from '../../halves.ts';
import type { Outcome } from './verdict.ts';

export interface Ledger {
  note(outcome: Outcome): void;
  /** Resolves once everything noted is committed. Rejects with what kept it from that. */
  close(): Promise<void>;
}

/** Errors are Meta's or the network's words. */
const ERROR_BYTES = 500;

export function startLedger(database: Executor, campaignId: string): Ledger {
  let noted: Outcome[] = [];
  let writing: Promise<void> | null = null;
  let failure: { readonly error: unknown } | null = null;

  async function write(): Promise<void> {
    while (noted.length > 0) {
      const outcomes = noted;
      noted = [];
      await settleRecipients(database, campaignId, outcomes).catch((error: unknown) => {
        failure = { error }; // their rows stay 'sending', and end as unknown: nobody sends again what may have been sent
        noted = [];
      });
    }
    writing = null;
  }

  return {
    note(outcome) {
      if (failure !== null) return;
      noted.push(outcome);
      writing ??= write(); // which waits for Postgres before it says that it is done
    },
    async close() {
      await writing;
      if (failure !== null) throw failure.error;
    },
  };
}

async function settleRecipients(database: Executor, campaignId: string, outcomes: readonly Outcome[]): Promise<void> {
  const rows = outcomes.map(
    ({ error, ...rest }): Outcome =>
      error === undefined ? rest : { ...rest, error: storableText(error, ERROR_BYTES) },
  );
  const settle = (part: readonly Outcome[]) =>
    database.execute({ text: 'select settle_recipients($1, $2::jsonb)', params: [campaignId, JSON.stringify(part)] });
  for await (const _ of commitByHalves<Outcome, unknown>(rows, settle, inOurWords));
}

/** Keeps the outcome without Meta's own data, which cannot be stored. */
function inOurWords({ wamid: _, code: __, ...outcome }: Outcome, why: string): Outcome {
  return { ...outcome, error: why };
}
