/** Decisions on drafts: each draft is decided once, nothing that the checks block is sent, and no text is lost. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { draftsPage, readDraft } from '../../lib/ai/drafts.ts';
import { type Decided, type Decision, decideDraft } from '../../lib/ai/review.ts';
import { log } from '../../lib/log.ts';
import { GOOD, type Ids, type Replies, replies } from './replies.ts';

let ai: Replies;
beforeAll(async () => {
  ai = await replies();
  vi.spyOn(log, 'error').mockReturnValue();
});
afterEach(() => ai.llm.reset());
afterAll(() => ai.close());

/** More than WhatsApp takes: the checks block it. */
const BLOCKED = { ...GOOD, reply: 'x'.repeat(5_000) };

interface Waiting extends Ids {
  readonly generationId: string;
}

async function draft(content: object = GOOD, settings: object = {}): Promise<Waiting> {
  const companyId = await ai.company({ mode: 'copilot', ...settings });
  const ids = await ai.wrote(companyId, 'Do you have parking?');
  ai.llm.script({ kind: 'say', content });
  const { generationId } = (await ai.run(ids)) as { generationId: string };
  return { ...ids, generationId };
}

const decide = ({ companyId, generationId }: Waiting, decision: Partial<Decision> = {}): Promise<Decided> =>
  decideDraft(ai.database, { companyId, generationId, decision: 'approve', decidedBy: 'sam', ...decision });
const jobs = ({ companyId }: Waiting) =>
  ai.rows("select id from jobqueue.jobs where type = 'message_send' and payload ->> 'companyId' = $1", companyId);

describe('a blocked draft', () => {
  test('cannot be approved as it is, neither by the function nor by the database', async () => {
    const waiting = await draft(BLOCKED);
    expect(await decide(waiting)).toEqual({ kind: 'blocked' });
    expect(await ai.outbox(waiting.companyId)).toEqual([]);
    await expect(
      ai.rows("update generations set status = 'approved' where id = $1", waiting.generationId),
    ).rejects.toThrow('what_is_blocked_is_not_sent');
  });

  test('may be rejected, with its reason', async () => {
    const waiting = await draft(BLOCKED);
    expect(await decide(waiting, { decision: 'reject', reason: 'nonsense' })).toMatchObject({ status: 'rejected' });
    expect(await readDraft(ai.database, waiting.generationId)).toMatchObject({
      isWaiting: false,
      decidedBy: 'sam',
      decisionReason: 'nonsense',
    });
  });

  test('goes out edited once the same checks let the text go; one that they block is kept, and the draft waits', async () => {
    const waiting = await draft(BLOCKED, { moderation: true });
    ai.llm.flag(/goblin/, 'harassment');
    expect(await decide(waiting, { text: 'You goblin' })).toMatchObject({
      kind: 'unsafe',
      verdict: { decision: 'block', checkedBy: ['rules@2', 'moderation'] },
    });
    expect(await readDraft(ai.database, waiting.generationId)).toMatchObject({
      status: 'blocked',
      isWaiting: true,
      edited: 'You goblin',
      editedVerdict: { findings: [{ rule: 'moderation' }] },
    });
    expect(await decide(waiting, { text: 'Yes, we do.' })).toMatchObject({ kind: 'decided', status: 'edited' });
    expect(await ai.outbox(waiting.companyId)).toEqual(['Yes, we do.']);
  });

  test('stays where it is if a check of the text cannot be made; of another draft a person may answer for that', async () => {
    for (const [content, kind] of [
      [BLOCKED, 'unsafe'],
      [GOOD, 'decided'],
    ] as const) {
      const waiting = await draft(content, { moderation: true });
      ai.llm.faults.add({ match: 'moderations', status: 500 });
      expect(await decide(waiting, { text: 'Yes, we do.' })).toMatchObject({ kind });
    }
  });

  test('that no model wrote is written by a person', async () => {
    const companyId = await ai.company();
    for (const [status, answers] of [
      ['blocked', [{ kind: 'invalid_prompt' }]],
      ['failed', [{ kind: 'context_length' }, { kind: 'context_length' }]],
    ] as const) {
      const ids = await ai.wrote(companyId, 'Hi', `+97150111${status.length}111`);
      ai.llm.script(...answers);
      const { generationId } = (await ai.run(ids)) as { generationId: string };
      const waiting = { ...ids, generationId };
      expect(await readDraft(ai.database, generationId)).toMatchObject({ status, isWaiting: true, isBlocked: true });
      expect(await decide(waiting)).toEqual({ kind: 'blocked' });
      expect(await decide(waiting, { text: 'Hello' })).toMatchObject({ status: 'edited' });
    }
    expect(await ai.outbox(companyId)).toEqual(['Hello', 'Hello']);
  });
});

test('of people who decide at once one does, and the others learn who it was', async () => {
  const waiting = await draft();
  const all = await Promise.all([
    decide(waiting, { decidedBy: 'ann' }),
    decide(waiting, { decidedBy: 'bob', text: 'Yes.' }),
    decide(waiting, { decidedBy: 'cid', decision: 'reject' }),
  ]);
  const done = all.findIndex(({ kind }) => kind === 'decided');
  const decidedBy = ['ann', 'bob', 'cid'][done];
  expect(all.filter((_, n) => n !== done)).toEqual(
    Array(2).fill(expect.objectContaining({ kind: 'already_decided', decidedBy })),
  );
  const sent = decidedBy === 'cid' ? 0 : 1;
  expect([await ai.outbox(waiting.companyId), await jobs(waiting)].map(({ length }) => length)).toEqual([sent, sent]);
});

test('an outdated draft goes only if whoever approves it has seen what the customer wrote since', async () => {
  const waiting = await draft();
  const { messageId } = await ai.wrote(waiting.companyId, 'And a pool?');
  expect(await readDraft(ai.database, waiting.generationId)).toMatchObject({
    isOutdated: true,
    lastInboundId: messageId,
    lines: [{ body: 'Do you have parking?' }, { body: 'And a pool?' }],
  });
  expect(await decide(waiting)).toEqual({ kind: 'outdated', lastMessageId: messageId });
  expect(await decide(waiting, { text: 'Yes.' })).toMatchObject({ kind: 'outdated' });
  expect(await readDraft(ai.database, waiting.generationId)).toMatchObject({ edited: 'Yes.', isWaiting: true });
  expect(await decide(waiting, { seenMessageId: messageId })).toMatchObject({ status: 'approved' });
});

test('drafts of another company are not found', async () => {
  const { generationId } = await draft();
  expect(await decide({ ...(await draft()), generationId })).toEqual({ kind: 'not_found' });
});

test('the list shows what waits, the newest first, page by page, of one company or of all', async () => {
  const first = await draft();
  const second = await draft(BLOCKED);
  const decided = await draft();
  await decide(decided);
  const ids = async (of: Parameters<typeof draftsPage>[1]) =>
    (await draftsPage(ai.database, of)).drafts.map(({ draftId }) => draftId);
  const all = await ids({});
  expect(all.slice(0, 2)).toEqual([second.generationId, first.generationId]);
  expect(await ids({ companyId: first.companyId })).toEqual([first.generationId]);
  expect((await ids({ after: second.generationId }))[0]).toBe(first.generationId);
  await ai.rows(
    `with messages as (
       insert into messages (company_id, conversation_id, direction, author, body, status)
       select $1, $2, 'inbound', 'customer', 'Hi', 'received' from generate_series(1, 60) returning id
     )
     insert into generations (company_id, conversation_id, trigger_message_id, status, finished_at)
     select $1, $2, id, 'failed', now() from messages`,
    first.companyId,
    first.conversationId,
  );
  const page = await draftsPage(ai.database, { companyId: first.companyId });
  expect(page.drafts).toHaveLength(50);
  const rest = await draftsPage(ai.database, { companyId: first.companyId, after: page.next ?? '' });
  expect([rest.drafts.length, rest.next]).toEqual([11, null]);
});
