/** Composition: drafts on this deployment's database, as the endpoint and the pages call them. */
import { database } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import type { Finding } from './ai-generation/safety/verdict.ts';
import { type DraftsPage, type DraftView, draftsPage, readDraft } from './drafts.ts';
import type { DraftDecision } from './request.ts';
import { type Decided, decideDraft } from './review.ts';

export type { Verdict } from './ai-generation/safety/verdict.ts';
export type { DraftLine, DraftSummary, DraftView } from './drafts.ts';

export const drafts = {
  page: (of: { companyId?: string | undefined; after?: string | undefined }): Promise<DraftsPage> =>
    draftsPage(database(), of),
  read: (draftId: string): Promise<DraftView | null> => readDraft(database(), draftId),
  /** Throws 404 for an unknown draft, 409 for one that cannot be decided so any more, 422 for a text that the checks block. */
  async decide({ id, ...given }: DraftDecision): Promise<Extract<Decided, { kind: 'decided' }>> {
    const draft = await readDraft(database(), id);
    if (draft === null) throw unknown(id);
    const decided = await decideDraft(database(), { ...given, companyId: draft.companyId, generationId: id });
    if (decided.kind === 'decided') return decided;
    throw refusal(id, decided);
  },
};

function refusal(id: string, decided: Exclude<Decided, { kind: 'decided' }>): HttpError {
  switch (decided.kind) {
    case 'not_found':
      return unknown(id);
    case 'already_decided': {
      const { status, decidedBy, decidedAt } = decided;
      const by = decidedBy === null ? '' : ` by ${decidedBy} at ${decidedAt}`;
      return new HttpError(409, 'already_decided', `Draft ${id} is already decided: ${status}${by}.`);
    }
    case 'blocked':
      return new HttpError(
        409,
        'draft_blocked',
        `Draft ${id} cannot be sent as it is: the checks block it, or there is no text. Send another text, or reject it.`,
      );
    case 'outdated':
      return new HttpError(
        409,
        'draft_outdated',
        `The customer has written since (message ${decided.lastMessageId}). Look at it, and send its id as seenMessageId.`,
      );
    case 'unsafe': {
      const { findings, errors } = decided.verdict;
      const issues = [
        ...findings.map(({ rule, explanation }: Finding) => ({ path: 'text', message: `${rule}: ${explanation}` })),
        ...errors.map(({ checker, message }) => ({
          path: 'text',
          message: `${checker} could not check it: ${message}`,
        })),
      ];
      return new HttpError(422, 'draft_unsafe', 'The checks block this text.', issues);
    }
  }
}

function unknown(id: string): HttpError {
  return new HttpError(404, 'not_found', `There is no draft ${id}.`);
}
