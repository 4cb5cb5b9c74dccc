/** A portal that refuses everything for one reason: the connection is paused once, and nobody's job becomes a dead letter for it. */
import { expect, test, vi } from 'vitest';
import { resumeConnection } from '../../lib/connections/connection.ts';
import { judgeRefusals, MOST_ALIKE } from '../../lib/connections/refusals.ts';
import { describeEachDriver } from '../support/drivers.ts';
import { webhook } from '../support/webhook.ts';
import { companyWithPortal } from './company.ts';

const acme = companyWithPortal();
const bitrix24 = { companyId: 'acme', provider: 'bitrix24' } as const;

async function pauses(): Promise<unknown> {
  return acme.sql('select paused_code, paused_reason from connections where paused_at is not null');
}

/** Twice: a job whose lead another one just carries comes again 5 s later. */
async function drainToTheEnd(): Promise<void> {
  await acme.drain();
  await acme.letPass(0);
  await acme.drain();
}

/** One job at a time: the first carries the leads of many. Beside it, another could find a single one left and be refused first. */
async function drainOneByOne(): Promise<void> {
  await acme.queue.drain({ budgetMs: 25_000, concurrency: 1 });
}

async function resume(): Promise<void> {
  expect(await resumeConnection(acme.database, bitrix24)).toBe(true);
  await acme.letPass(0);
}

test('a field that an administrator made required pauses once, with one alert; mended and resumed, every lead gets there', async () => {
  const hook = await webhook();
  vi.stubEnv('ALERT_WEBHOOK_URL', hook.url);
  acme.portal.requires('branch');
  await acme.request(await acme.leads(120));
  await drainOneByOne();
  expect(await acme.ended()).toEqual({});
  expect(await pauses()).toEqual([
    {
      paused_code: 'refused_alike',
      paused_reason: expect.stringMatching(
        /^\d+ records in a row .* \(limit 5\): .*CRM_FIELD_ERROR_REQUIRED The field "branch" is required$/,
      ),
    },
  ]);
  expect(hook.taken).toHaveLength(1);
  acme.portal.requires(null);
  await resume();
  await drainToTheEnd();
  expect([await acme.ended(), acme.portal.items.size]).toEqual([{ COMPLETED: 120 }, 120]);
  expect(await acme.sql('select from crm_links where refusal is not null')).toEqual([]);
  vi.stubEnv('ALERT_WEBHOOK_URL', '');
  await hook.close();
});

test('where leads come one at a time, those before the limit are dead letters, and a replay brings them there', async () => {
  acme.portal.requires('branch');
  for (const id of await acme.leads(12)) await acme.sync([id]);
  expect(await acme.ended()).toEqual({ DEAD_LETTER: MOST_ALIKE - 1 });
  expect(await pauses()).toHaveLength(1);
  acme.portal.requires(null);
  await acme.queue.replay({ type: 'crm_sync' }, { actor: 'sam' });
  await resume();
  await acme.drain();
  expect(acme.portal.items.size).toBe(12);
});

test('bad rows among good ones are their own dead letters, however many', async () => {
  const ids = await acme.leads(60);
  await acme.sql("update leads set notes = 'bad' where (id % 3) = 0");
  acme.portal.rejects('bad');
  await acme.request(ids);
  await drainToTheEnd();
  expect([await acme.ended(), await pauses()]).toEqual([{ COMPLETED: 40, DEAD_LETTER: 20 }, []]);
});

test('bad rows that come alone pause once; resumed, they are their own dead letters, and what is good goes on', async () => {
  const ids = await acme.leads(8);
  await acme.sql("update leads set notes = 'bad'");
  acme.portal.rejects('bad');
  await acme.sync(ids);
  expect([await acme.ended(), await pauses()]).toMatchObject([{}, [{ paused_code: 'refused_alike' }]]);
  await resume();
  await drainToTheEnd();
  expect([await acme.ended(), await pauses()]).toEqual([{ DEAD_LETTER: 8 }, []]);
  await acme.request(await acme.leads(3, 8));
  await drainToTheEnd();
  expect(await acme.ended()).toEqual({ DEAD_LETTER: 8, COMPLETED: 3 });
});

test('a portal that lets leads be changed and not added is found all the same', async () => {
  const old = await acme.leads(6);
  await acme.sync(old);
  acme.portal.refuse('crm.item.add', 'CREATE_DYNAMIC_ITEM_RESTRICTED');
  await acme.sql("update leads set notes = 'changed'");
  await acme.sync([...old, ...(await acme.leads(6, 6))]);
  expect(await pauses()).toMatchObject([{ paused_reason: expect.stringContaining('crm.item.add') }]);
});

test('events of items that all are refused wait in the inbox, and are looked at after a resume', async () => {
  await acme.sql('update crm_settings set imports_leads = true');
  for (let n = 0; n < 20; n++) {
    const id = acme.portal.person.add({ name: `P${n}` }, [`+9715030${10_000 + n}`], { silently: true });
    await acme.tell('ONCRMLEADADD', id);
  }
  acme.portal.refuse('crm.item.get', 'ACCESS_DENIED');
  await drainOneByOne();
  expect([await acme.ended(), await pauses()]).toMatchObject([{}, [{ paused_code: 'refused_alike' }]]);
  acme.portal.refuse('crm.item.get', null);
  await resume();
  await acme.sql("update crm_inbox set arrived_at = now() - interval '2 days'");
  await drainToTheEnd();
  expect([await acme.ended(), await acme.sql('select count(*)::int as n from leads')]).toEqual([
    { COMPLETED: 20 },
    [{ n: 20 }],
  ]);
});

test('a portal that does not tell its fields pauses at once: no lead is to blame', async () => {
  acme.portal.refuse('crm.item.fields', 'ACCESS_DENIED');
  await acme.sync(await acme.leads(30));
  expect([await acme.ended(), await pauses()]).toMatchObject([{}, [{ paused_code: 'ACCESS_DENIED' }]]);
});

describeEachDriver('the breaker', (setup) => {
  const connection = { companyId: 'c', provider: 'bitrix24' } as const;
  const judge = async (records: readonly string[], as = 'no', accepted = 0) => {
    const refused = records.map((record) => ({ record, as }));
    return [...(await judgeRefusals(setup.database, connection, [{ kind: 'add', accepted, refused }]))];
  };

  test('counts different records that are refused in the same words, until one is accepted', async () => {
    await setup.database.execute({ text: "insert into companies (id, name) values ('c', 'C')", params: [] });
    expect(await judge(['1', '2', '3', '4'])).toEqual([]);
    expect(await judge(['1', '2', '3', '4'])).toEqual([]); // the same again are no news
    expect(await judge(['5', '6'], 'another reason')).toEqual([]);
    expect(await judge(['7'], 'no', 1)).toEqual([]);
    expect(await judge(['1', '2', '7', '8', '9', '10', '11'])).toEqual([]); // four since the success
    expect(await judge(['12', '2', '13'])).toEqual(['12', '13']);
    expect(await judge(['14'], 'another reason')).toEqual(['14']); // it is paused: what was under way waits too
    expect(await resumeConnection(setup.database, connection)).toBe(true);
    expect(await judge(['14'], 'another reason')).toEqual([]);
  });

  test('remembers as many records as a row may hold', async () => {
    const many = Array.from({ length: 600 }, (_, n) => `r${n}`);
    for (let n = 0; n < 30; n++) await judge(['r'], `way ${n}`);
    const [ways] = await setup.database.execute({
      text: 'select count(*)::int as n from connection_refusals',
      params: [],
    });
    expect(ways).toEqual({ n: 20 });
    await judge(many, 'many');
    const [row] = await setup.database.execute({
      text: "select cardinality(records) as n, fresh from connection_refusals where refused_as = 'many'",
      params: [],
    });
    expect(row).toEqual({ n: 600, fresh: 600 });
    await judge(['last'], 'many');
    const [bounded] = await setup.database.execute({
      text: "select cardinality(records) as n, 'last' = any(records) as has_last from connection_refusals where refused_as = 'many'",
      params: [],
    });
    expect(bounded).toEqual({ n: 500, has_last: true });
  });
});
