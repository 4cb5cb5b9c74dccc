/** The job types work for a newcomer: a seeded company, and stand-ins for every system without keys. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { openStandIns } from '../../scripts/remote-systems.ts';
import { seedCompany } from '../../scripts/seed/company.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let fresh: TestDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = connect(fresh.url);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

test('a company is seeded once, and what people changed since stays', async () => {
  expect(await seedCompany(database, 'demo')).toEqual({ leads: 4, templates: 2 });
  await database.execute({ text: "update leads set name = 'Changed' where phone_e164 = '+971501230001'", params: [] });
  await database.execute({ text: 'update ai_settings set enabled = false', params: [] });
  expect(await seedCompany(database, 'demo')).toEqual({ leads: 0, templates: 0 });
  const [lead] = await database.execute({
    text: "select name from leads where phone_e164 = '+971501230001'",
    params: [],
  });
  const [ai] = await database.execute({ text: 'select enabled from ai_settings', params: [] });
  expect([lead, ai]).toEqual([{ name: 'Changed' }, { enabled: false }]);
});

test('stand-ins take the places of those systems whose keys are not set, and of no others', async () => {
  const all = await openStandIns({ origin: 'http://127.0.0.1:3000', environment: {} });
  try {
    expect(all.lines.map((line) => line.split(' ').filter(Boolean)[1])).toEqual(['whatsapp', 'bitrix24', 'llm']);
    const { WHATSAPP_BASE_URL: base, WHATSAPP_PHONE_NUMBER_ID: number, WHATSAPP_ACCESS_TOKEN: token } = all.env;
    const answer = await fetch(`${base}/v25.0/${number}`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
  } finally {
    await all.stop();
  }
  const environment = { WHATSAPP_ACCESS_TOKEN: 'real', BITRIX24_WEBHOOK_URL: 'https://real', AI_API_KEY: 'real' };
  const none = await openStandIns({ origin: 'http://127.0.0.1:3000', environment });
  expect([none.lines, none.env]).toEqual([[], {}]);
  await none.stop();
});
