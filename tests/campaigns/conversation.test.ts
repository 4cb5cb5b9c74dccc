/** A campaign's message is part of the conversation once the person answers, so the one who replies knows the subject. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadTurn } from '../../lib/ai/ai-generation/turn.ts';
import { type Inbound, storeInbound } from '../../lib/messaging/inbound.ts';
import { type Campaigns, COMPANY, numbers, startCampaigns } from './campaigns.ts';

let its: Campaigns;
beforeAll(async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY);
});
afterAll(() => its.close());

let inbound = 0;
const write = (phone: string, text: string, more: Partial<Inbound> = {}) =>
  storeInbound(its.database, {
    companyId: COMPANY,
    phone,
    userId: null,
    wamid: `wamid.in.${++inbound}`,
    atMs: Date.now(),
    kind: 'text',
    text,
    replyTo: null,
    isOptOut: false,
    isOptIn: false,
    wantsReply: true,
    ...more,
  });
const conversation = (phone: string) =>
  its.rows<{ id: string; conversation: string; author: string; body: string; status: string }>(
    `select m.id::text, v.id::text as conversation, m.author, m.body, m.status
     from messages m join conversations v on v.id = m.conversation_id
     where v.phone_e164 = $1 order by m.id`,
    phone,
  );

test('it comes before the answer, filled in as it was read, once', async () => {
  const [phone = '', silent = ''] = numbers(2);
  const people = [{ phone, name: 'Ada {{1}} Byron' }, { phone: silent }];
  const id = await its.create({ people });
  await its.drainUntil(id, 'settling');
  await its.tellOne(id, phone, 'delivered');
  expect(await conversation(phone)).toEqual([]);

  await write(phone, 'Yes, on Saturday');
  await write(phone, 'At ten');
  expect(await conversation(phone)).toMatchObject([
    { author: 'campaign', body: 'Hello Ada {{1}} Byron', status: 'delivered' },
    { author: 'customer', body: 'Yes, on Saturday' },
    { author: 'customer', body: 'At ten' },
  ]);
  expect(await conversation(silent)).toEqual([]);

  const [campaign, , last] = await conversation(phone);
  const turn = await loadTurn(its.database, {
    companyId: COMPANY,
    conversationId: campaign?.conversation ?? '',
    messageId: last?.id ?? '',
  });
  expect(turn?.lines.map(({ author, body }) => [author, body])).toEqual([
    ['campaign', 'Hello Ada {{1}} Byron'],
    ['customer', 'Yes, on Saturday'],
    ['customer', 'At ten'],
  ]);
});

test('a person whom no campaign reached has nothing but their own message', async () => {
  const [phone = ''] = numbers(1, 100);
  await write(phone, 'hello');
  expect(await conversation(phone)).toMatchObject([{ author: 'customer', body: 'hello' }]);
});

test.each([
  ['Hello {{1}}, {{2}}!', { 'body.1': '{{2}}', 'body.2': 'welcome' }, 'Hello {{2}}, welcome!'],
  ['{{first_name}} {{ first_name }}', { 'body.first_name': 'Ada' }, 'Ada Ada'],
  ['No gap', {}, 'No gap'],
  ['{{1}}', {}, ''],
])('fill_template(%j, %j)', async (body, texts, filled) => {
  expect(await its.rows('select fill_template($1, $2::jsonb) as filled', body, JSON.stringify(texts))).toEqual([
    { filled },
  ]);
});
