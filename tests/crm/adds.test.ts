/** Leads that are there once although their answer was lost, and a batch of which one lead is the portal's trouble. */
import { expect, test } from 'vitest';
import { companyWithPortal } from './company.ts';

const acme = companyWithPortal();
const REST = { claimed_until: null, unanswered: 0 };

/** So that what follows is about the leads alone: the portal's directory is known. */
async function known(): Promise<void> {
  await acme.sync(await acme.leads(1, 900));
}

const originsOnce = () => [...acme.portal.leadsPerOrigin().values()].every((n) => n === 1);

test('on a portal that shows an added lead after a minute no lead is there twice, and no job waits at the portal or burns an attempt', async () => {
  await known();
  const ids = await acme.leads(3);
  acme.portal.slowAdds(60_000);
  acme.portal.chokesOn('crm.item.add', { done: true });
  await acme.request(ids);
  await acme.drainDue();
  acme.portal.chokesOn(null);
  expect(acme.portal.items.size).toBe(4);

  await acme.letPass(40); // not yet visible, and still to be waited for
  await acme.drainDue();
  expect(acme.portal.items.size).toBe(4);
  const waiting = await acme.sql(
    `select attempt, due_at between now() + interval '20 s' and now() + interval '36 s' as "waitsForTheRest"
     from jobqueue.jobs order by due_at desc`,
  );
  expect(waiting).toHaveLength(3);
  expect(waiting[0]).toEqual({ attempt: 0, waitsForTheRest: true });

  acme.portal.clock.advance(61_000);
  await acme.letPass(36);
  await acme.drainDue();
  await acme.letPass(0);
  await acme.drain();
  expect(acme.portal.items.size).toBe(4);
  expect(originsOnce()).toBe(true);
  expect(await acme.sql('select from crm_links where external_id is null or adding_since is not null')).toEqual([]);
  expect(await acme.ended()).toEqual({ COMPLETED: 4 });
  expect(await acme.sql('select from jobqueue.finished_jobs where attempt > 1')).toEqual([]);
});

test('a lead whose lost add is found is not left at what that add carried', async () => {
  await known();
  const [id = ''] = await acme.leads(1);
  acme.portal.chokesOn('crm.item.add', { done: true });
  await acme.request([id]);
  await acme.drainDue();
  acme.portal.chokesOn(null);
  await acme.change(id, { name: 'Changed meanwhile', phone_e164: '+971509999999' });
  await acme.letPass(1);
  await acme.drain();
  expect(acme.portal.items.size).toBe(2);
  expect(acme.item(2).fields.name).toBe('Changed meanwhile');
  expect(acme.values('PHONE', 2)).toEqual(['+971509999999']);
});

test('an add that never was is made once its time is over', async () => {
  await known();
  const ids = await acme.leads(1);
  acme.portal.chokesOn('crm.item.add');
  await acme.request(ids);
  await acme.drainDue();
  acme.portal.chokesOn(null);
  await acme.letPass(10);
  await acme.drainDue();
  expect(acme.portal.items.size).toBe(1);
  await acme.letPass(66);
  await acme.drain();
  expect(acme.portal.items.size).toBe(2);
});

test('an add that the portal refused to begin is not waited for', async () => {
  await known();
  const ids = await acme.leads(2);
  acme.portal.block('crm.item.add');
  await acme.request(ids);
  await acme.drainDue();
  expect(await acme.sql('select adding_since from crm_links where external_id is null')).toEqual([
    { adding_since: null },
    { adding_since: null },
  ]);
});

test('one lead of a batch that the portal refuses is a dead letter with the reason, and the others are there', async () => {
  await known();
  const ids = await acme.leads(10);
  acme.portal.rejects('+971501010004');
  await acme.sync(ids);
  expect(await acme.ended()).toEqual({ COMPLETED: 10, DEAD_LETTER: 1 });
  expect(acme.portal.items.size).toBe(10);
  const refused = await acme.sql(
    'select lead_id::text, refusal, adding_since from crm_links where refusal is not null',
  );
  expect(refused).toEqual([
    { lead_id: ids[4], refusal: expect.stringContaining('CRM_FIELD_ERROR_VALUE_NOT_VALID'), adding_since: null },
  ]);
  const [dead] = await acme.sql(
    "select payload ->> 'leadId' as lead, errors -> -1 ->> 'message' as why from jobqueue.finished_jobs where status = 'DEAD_LETTER'",
  );
  expect(dead).toEqual({ lead: ids[4], why: expect.stringContaining('Invalid value of +971501010004') });

  acme.portal.rejects(null);
  await acme.change(ids[4] as string, { name: 'Mended' });
  await acme.sync([ids[4] as string]);
  expect(acme.portal.items.size).toBe(11);
  expect(await acme.sql('select from crm_links where refusal is not null')).toEqual([]);
});

test('one lead of a batch that is refused as an update leaves the others written', async () => {
  const ids = await acme.leads(5);
  await acme.sync(ids);
  for (const id of ids) await acme.change(id, { notes: 'news', name: `Name ${id}` });
  acme.portal.rejects(`Name ${ids[2]}`);
  await acme.sync(ids);
  const notes = [...acme.portal.items.values()].map(({ fields }) => fields.comments);
  expect(notes.filter((note) => note === 'news')).toHaveLength(4);
  expect(await acme.sql('select lead_id::text from crm_links where refusal is not null')).toEqual([
    { lead_id: ids[2] },
  ]);
});

test('a lead at which the portal never answers is given up with the reason; the others of its batch get there', async () => {
  await known();
  const ids = await acme.leads(25);
  acme.portal.chokesOn('971501010007');
  await acme.request(ids);
  for (let n = 0; n < 25 && (await acme.sql('select from jobqueue.jobs limit 1')).length > 0; n++) {
    await acme.drainDue();
    await acme.letPass(600);
  }
  expect(await acme.ended()).toEqual({ COMPLETED: 25, DEAD_LETTER: 1 });
  expect(await acme.sql('select from jobqueue.finished_jobs where attempt > 1')).toEqual([]);
  expect(acme.portal.items.size).toBe(25);
  expect(originsOnce()).toBe(true);
  const [given] = await acme.sql(
    'select lead_id::text, refusal, unanswered, claimed_until from crm_links where refusal is not null',
  );
  expect(given).toEqual({ ...REST, lead_id: ids[7], refusal: expect.stringMatching(/answered none of \d+ requests/) });
  const after = acme.portal.calls.length;
  await acme.request(ids);
  await acme.drainDue();
  expect(acme.portal.calls).toHaveLength(after); // nobody asks again until it changes

  acme.portal.chokesOn(null);
  await acme.change(ids[7] as string, { name: 'Mended' });
  await acme.sync([ids[7] as string]);
  expect(acme.portal.items.size).toBe(26);
}, 60_000);

test('an outage gives no lead up, however long it lasts', async () => {
  await known();
  const ids = await acme.leads(2);
  await acme.request(ids);
  acme.portal.faults.add({ status: 502, times: null });
  for (let n = 0; n < 12; n++) {
    await acme.drainDue();
    await acme.letPass(3_600);
  }
  expect(await acme.sql('select from crm_links where refusal is not null')).toEqual([]);
  acme.portal.faults.clear();
  await acme.drainDue();
  await acme.letPass(80);
  await acme.drain();
  expect(acme.portal.items.size).toBe(3);
});
