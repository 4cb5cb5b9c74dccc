/** Drafts over every driver: what is generated, listed, shown and decided, one statement at a time. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { draftsPage, readDraft } from '../../lib/ai/drafts.ts';
import { decideDraft } from '../../lib/ai/review.ts';
import { log } from '../../lib/log.ts';
import { describeEachDriver } from '../support/drivers.ts';
import { GOOD, repliesOn } from './replies.ts';

describeEachDriver('drafts', (setup) => {
  let its: Awaited<ReturnType<typeof repliesOn>>;
  beforeAll(async () => {
    its = await repliesOn(setup.database);
    vi.spyOn(log, 'warn').mockReturnValue();
  });
  afterAll(() => its.close());

  test('a draft of a server without schemas is listed, refused as it is, edited and sent once', async () => {
    its.llm.serve({ dialect: 'vllm', forms: ['text'] });
    const companyId = await its.company({ provider: 'compatible', model: 'llama-3.1-8b', mode: 'copilot' });
    its.llm.script({ kind: 'say', content: { ...GOOD, reply: 'x'.repeat(5_000) } });
    const { generationId } = (await its.run(await its.wrote(companyId, 'Hi'))) as { generationId: string };
    expect(await its.rows('select form from ai_forms where company_id = $1', companyId)).toEqual([{ form: 'text' }]);
    expect(await draftsPage(setup.database, { companyId })).toMatchObject({
      drafts: [{ draftId: generationId, status: 'blocked', isBlocked: true, isOutdated: false, question: 'Hi' }],
      next: null,
    });
    const decide = (text?: string) =>
      decideDraft(setup.database, { companyId, generationId, decision: 'approve', decidedBy: 'sam', text });
    expect(await decide()).toEqual({ kind: 'blocked' });
    expect(await decide('You idiot')).toMatchObject({ kind: 'unsafe' });
    const all = await Promise.all([decide('Hello!'), decide('Hello!')]);
    expect(all.map(({ kind }) => kind).toSorted()).toEqual(['already_decided', 'decided']);
    expect(await its.outbox(companyId)).toEqual(['Hello!']);
    expect(await readDraft(setup.database, generationId)).toMatchObject({
      status: 'edited',
      isWaiting: false,
      confidence: expect.closeTo(0.95, 5),
      edited: 'Hello!',
      editedVerdict: { decision: 'allow' },
      decidedBy: 'sam',
      lines: [{ body: 'Hi' }, { body: 'Hello!', author: 'person' }],
    });
  });
});
