/** Takes recipients to send to. The judging is SQL: claim_recipients in db/migrations/0021_claim_by_template.sql. */
import { randomUUID } from 'node:crypto';
import type { Executor } from '@conversure/jobqueue/postgres';
import { newOpaqueId } from '../../messaging/opaque-id.ts';
import type { Templates } from './message.ts';
import type { CampaignStatus } from './open.ts';

/** Somebody who is to be sent to now, by whoever holds `claim`; the attempt is written under `opaqueId`. */
export interface Claimed {
  readonly id: string;
  readonly claim: string;
  readonly opaqueId: string;
  readonly phone: string;
  readonly language: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  /** 1 for the first. */
  readonly attempt: number;
  /** Meta's cap per person was waited out before. */
  readonly wasCapped: boolean;
}

/** Counts over the newest recipients whose attempt ended since the last start. */
export interface Newest {
  readonly ended: number;
  readonly failed: number;
  /** Meta's codes among the failed, and how often each occurs. */
  readonly codes: readonly number[];
  readonly counts: Readonly<Record<number, number>>;
  /** Meta took a message of this campaign, whenever. */
  readonly accepted: boolean;
}

export type Claims =
  | { readonly kind: 'over'; readonly status: CampaignStatus | 'unknown' }
  | { readonly kind: 'no_template'; readonly templateStatus: string }
  | (Templates & {
      readonly kind: 'claimed';
      readonly claimed: readonly Claimed[];
      readonly newest: Newest;
      readonly skipped: number;
      readonly renew: boolean;
      readonly nextInMs: number | null;
      readonly exhausted: boolean;
      readonly peopleFreeInMs: number | null;
    });

export interface ClaimOptions {
  readonly campaignId: string;
  readonly recipientId: string | null;
  readonly most: number;
}

/** Commits before it answers: from then on a call may go out, and nobody else makes it. */
export async function claimRecipients(
  database: Executor,
  { campaignId, recipientId, most }: ClaimOptions,
): Promise<Claims> {
  const opaqueIds = Array.from({ length: most }, newOpaqueId);
  const [row] = await database.execute<{ answer: Answer }>({
    text: 'select claim_recipients($1, $2::uuid, array(select jsonb_array_elements_text($3::jsonb)), $4::bigint) as answer',
    params: [campaignId, randomUUID(), JSON.stringify(opaqueIds), recipientId],
  });
  const { answer } = row as NonNullable<typeof row>;
  if (answer.templateStatus === undefined) return { kind: 'over', status: answer.status };
  if (answer.templateStatus !== 'APPROVED') return { kind: 'no_template', templateStatus: answer.templateStatus };
  return { kind: 'claimed', ...(answer as unknown as Omit<Extract<Claims, { kind: 'claimed' }>, 'kind'>) };
}

interface Answer {
  status: CampaignStatus | 'unknown';
  templateStatus?: string;
}
