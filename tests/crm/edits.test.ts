/** Edits in the portal are never reverted, even if their event is late or lost. */
import { describe, expect, test } from 'vitest';
import { applyItem } from '../../lib/crm/incoming.ts';
import { call, mapOf, Portal } from '../../lib/providers/bitrix24.ts';
import { companyWithPortal } from './company.ts';

const acme = companyWithPortal();

test('an edit in the portal whose event was lost survives a sync of the same lead, which takes it in', async () => {
  const id = await acme.linked();
  acme.portal.person.change(1, { comments: 'call in the evening' }, { silently: true });
  await acme.change(id, { organisation: 'Ours' });
  await acme.sync([id]);
  expect(acme.item().fields).toMatchObject({ comments: 'call in the evening', companyTitle: 'Ours' });
  expect(await acme.lead(id)).toMatchObject({ notes: 'call in the evening', organisation: 'Ours' });
});

test.each(['before', 'after'])(
  'an edit whose event comes %s the sync of the same lead is there on both sides',
  async (when) => {
    const id = await acme.linked();
    acme.portal.person.change(1, { name: 'Theirs' }, { silently: true });
    await acme.change(id, { notes: 'ours' });
    if (when === 'before') await acme.tell('ONCRMLEADUPDATE', 1);
    await acme.sync([id]);
    if (when === 'after') await acme.tell('ONCRMLEADUPDATE', 1);
    await acme.drain();
    expect(acme.item().fields).toMatchObject({ name: 'Theirs', comments: 'ours' });
    expect(await acme.lead(id)).toMatchObject({ name: 'Theirs', notes: 'ours' });
  },
);

test.each([
  ['take', 'Theirs', 'Theirs'],
  ['keep', 'Theirs', 'Ours'],
] as const)('the same field changed on both sides, with edits to %s: there %s, here %s', async (edits, there, here) => {
  await acme.sql('update crm_settings set portal_edits = $1', edits);
  const id = await acme.linked();
  acme.portal.person.change(1, { name: 'Theirs' }, { silently: true });
  await acme.change(id, { name: 'Ours' });
  await acme.sync([id]);
  await acme.tell('ONCRMLEADUPDATE', 1);
  await acme.drain();
  expect([acme.item().fields.name, (await acme.lead(id)).name]).toEqual([there, here]);
  await acme.change(id, { name: 'Newer' }); // at rest they stay as they are, until one of them changes again
  await acme.sync([id]);
  expect(acme.item().fields.name).toBe('Newer');
});

test('a change of ours that nobody has asked to sync yet is not lost to an event', async () => {
  const id = await acme.linked();
  await acme.change(id, { organisation: 'Ours' });
  acme.portal.person.change(1, { comments: 'theirs' }, { silently: true });
  await acme.tell('ONCRMLEADUPDATE', 1);
  await acme.drain();
  await acme.sync([id]);
  expect(acme.item().fields).toMatchObject({ companyTitle: 'Ours', comments: 'theirs' });
});

test('a portal that keeps a text otherwise than it was sent has not edited it', async () => {
  acme.portal.keepsTextsAs((text) => text.replaceAll('<', '&lt;'));
  const id = await acme.linked();
  await acme.change(id, { notes: 'a < b' });
  await acme.sync([id]);
  await acme.tell('ONCRMLEADUPDATE', 1);
  await acme.drain();
  expect(await acme.lead(id)).toMatchObject({ notes: 'a < b' });
  const updates = acme.asked('crm.item.update');
  await acme.change(id, { name: 'Other' });
  await acme.sync([id]);
  expect(acme.asked('crm.item.update')).toBe(updates + 1);
  expect(acme.portal.calls.at(-1)?.body).not.toContain('comments');
});

test('what is cleared on one side is cleared on the other, once', async () => {
  const id = await acme.linked();
  await acme.change(id, { notes: 'ours', organisation: 'Org' });
  await acme.sync([id]);
  acme.portal.person.change(1, { companyTitle: '' }, { silently: true });
  await acme.tell('ONCRMLEADUPDATE', 1);
  await acme.change(id, { notes: null });
  await acme.sync([id]);
  expect(await acme.lead(id)).toMatchObject({ organisation: null, notes: null });
  expect(acme.item().fields).toMatchObject({ companyTitle: '', comments: '' });
});

test('a number and an address that change here change under their ids there, and those of people stay', async () => {
  const id = await acme.linked();
  const ids = acme.item().fm.map((one) => one.id);
  acme.portal.person.change(
    1,
    { fm: { n0: { typeId: 'EMAIL', valueType: 'HOME', value: 'own@example.com' } } },
    { silently: true },
  );
  await acme.change(id, { phone_e164: '+971509999999', email: 'new@example.com' });
  await acme.sync([id]);
  expect(acme.values('PHONE')).toEqual(['+971509999999']);
  expect(acme.values('EMAIL')).toEqual(['new@example.com', 'own@example.com']);
  expect(
    acme
      .item()
      .fm.slice(0, 2)
      .map((one) => one.id),
  ).toEqual(ids);
  await acme.change(id, { email: null });
  await acme.sync([id]);
  expect(acme.values('EMAIL')).toEqual(['own@example.com']);
});

test('an address that people wrote in the portal is taken in, and not removed there when it goes here', async () => {
  const id = await acme.linked();
  const entry = acme.item().fm.find(({ typeId }) => typeId === 'EMAIL');
  acme.portal.person.change(1, { fm: { [String(entry?.id)]: { value: 'theirs@example.com' } } }, { silently: true });
  await acme.tell('ONCRMLEADUPDATE', 1);
  await acme.drain();
  expect(await acme.lead(id)).toMatchObject({ email: 'theirs@example.com' });
  await acme.change(id, { email: null });
  await acme.sync([id]);
  expect(acme.values('EMAIL')).toEqual(['theirs@example.com']);
});

test('a lead of people that has our number gets what it lacks, and keeps what it has', async () => {
  acme.portal.person.add({ title: 'Theirs', name: 'Their name', comments: '' }, ['+971 50 101 0000'], {
    silently: true,
  });
  const [id = ''] = await acme.leads(1);
  await acme.change(id, { notes: 'ours' });
  await acme.sync([id]);
  expect(acme.item().fields).toMatchObject({ title: 'Theirs', name: 'Their name', comments: 'ours' });
  expect(acme.values('EMAIL')).toEqual(['lead0@example.com']);
  await acme.change(id, { phone_e164: '+971509999999' });
  await acme.sync([id]);
  expect(acme.values('PHONE')).toEqual(['+971 50 101 0000', '+971509999999']); // theirs is not ours to change
});

/** A lead that was imported with its names apart. */
async function amira(name = 'Amira Haddad'): Promise<string> {
  const [id = ''] = await acme.leads(1);
  await acme.change(id, { name, given_name: 'Amira', family_name: 'Haddad' });
  await acme.sync([id]);
  return id;
}

describe('first and last name', () => {
  test('go to their two fields, and come back from them', async () => {
    const id = await amira();
    expect(acme.item().fields).toMatchObject({ title: 'Amira Haddad', name: 'Amira', lastName: 'Haddad' });
    acme.portal.person.change(1, { lastName: 'Nasser' }, { silently: true });
    await acme.tell('ONCRMLEADUPDATE', 1);
    await acme.drain();
    expect(await acme.lead(id)).toMatchObject({ name: 'Amira Nasser', given: 'Amira', family: 'Nasser' });
    await acme.change(id, { name: 'Amina Nasser', given_name: 'Amina' });
    await acme.sync([id]);
    expect(acme.item().fields).toMatchObject({ name: 'Amina', lastName: 'Nasser' });
  });

  test('stay apart under a name that holds more than both, and a name that is changed alone is all of it', async () => {
    const id = await amira('Dr. Amira Haddad');
    expect(acme.item().fields).toMatchObject({ title: 'Dr. Amira Haddad', name: 'Amira', lastName: 'Haddad' });
    await acme.change(id, { name: 'Omar' }); // as a release does that knows no parts
    await acme.sync([id]);
    expect(acme.item().fields).toMatchObject({ name: 'Omar', lastName: '' });
  });

  test('a name that is not known apart goes out whole, and is taken in apart once people have cut it there', async () => {
    const id = await acme.linked();
    expect(acme.item().fields).toMatchObject({ name: 'Lead 0', lastName: '' });
    acme.portal.person.change(1, { name: 'Lea', lastName: 'Dahl' }, { silently: true });
    await acme.tell('ONCRMLEADUPDATE', 1);
    await acme.drain();
    expect(await acme.lead(id)).toMatchObject({ name: 'Lea Dahl', given: 'Lea', family: 'Dahl' });
    const updates = acme.asked('crm.item.update');
    await acme.sync([id]);
    expect(acme.asked('crm.item.update')).toBe(updates);
  });

  test('a last name that people add beside the whole name is not said twice', async () => {
    const id = await acme.linked();
    acme.portal.person.change(1, { name: 'Ada Lovelace', lastName: 'Lovelace' }, { silently: true });
    await acme.tell('ONCRMLEADUPDATE', 1);
    await acme.drain();
    expect(await acme.lead(id)).toMatchObject({ name: 'Ada Lovelace' });
    await acme.change(id, { notes: 'ours' });
    await acme.sync([id]);
    expect(acme.item().fields).toMatchObject({ name: 'Ada Lovelace', lastName: 'Lovelace', comments: 'ours' });
  });

  test('where people have a lead with our number neither half is mixed with the other side’s', async () => {
    acme.portal.person.add({ title: 'Theirs', name: '', lastName: 'Khan' }, ['+971 50 101 0000'], { silently: true });
    const [id = ''] = await acme.leads(1);
    await acme.sync([id]);
    await acme.tell('ONCRMLEADUPDATE', 1);
    await acme.drain();
    expect([acme.item().fields.lastName, (await acme.lead(id)).name]).toEqual(['Khan', 'Lead 0']);
    expect(acme.item().fields.name).toBe('');
  });

  test('a lead that people made is ours with both, and a link of an earlier release learns its last name', async () => {
    await acme.sql('update crm_settings set imports_leads = true');
    const itemId = acme.portal.person.add({ name: 'Sara', lastName: 'Al Ali' }, ['+971501112233'], { silently: true });
    await acme.tell('ONCRMLEADADD', itemId);
    await acme.drain();
    const [lead] = await acme.sql('select id::text, name, given_name, family_name from leads');
    expect(lead).toMatchObject({ name: 'Sara Al Ali', given_name: 'Sara', family_name: 'Al Ali' });
    const id = String(lead?.id);
    await acme.change(id, { name: 'Sara', given_name: null, family_name: null });
    await acme.sql(
      "update crm_links set carried = carried - 'familyName', seen = seen - 'familyName', synced_version = wanted_version",
    );
    await acme.tell('ONCRMLEADUPDATE', itemId);
    await acme.drain();
    expect(await acme.lead(id)).toMatchObject({ name: 'Sara Al Ali', given: 'Sara', family: 'Al Ali' });
    expect(acme.asked('crm.item.update')).toBe(0);
  });
});

async function fetched(): Promise<{ itemId: string; asOf: string; item: Readonly<Record<string, unknown>> }> {
  const [clock] = await acme.sql('select now()::text as now');
  const options = { signal: AbortSignal.timeout(5_000) };
  const asked = await call(
    new Portal(acme.portal.webhookUrl),
    { method: 'crm.item.get', params: { entityTypeId: 1, id: 1 } },
    options,
  );
  if (asked.kind !== 'done') throw new Error(asked.error.toString());
  return { itemId: '1', asOf: String(clock?.now), item: mapOf(mapOf(asked.result).item) };
}

const WISHES = { imports: false, edits: 'take', country: 'AE' } as const;

test('an older event does not overwrite what a newer one, or a sync, has brought since', async () => {
  const id = await acme.linked();
  acme.portal.person.change(1, { name: 'First' }, { silently: true });
  const old = await fetched();
  acme.portal.person.change(1, { name: 'Second' }, { silently: true });
  await acme.tell('ONCRMLEADUPDATE', 1);
  await acme.drain();
  expect(await applyItem(acme.database, 'acme', old, WISHES)).toBe('late');
  expect(await acme.lead(id)).toMatchObject({ name: 'Second' });

  const beforeSync = await fetched();
  await acme.change(id, { name: 'Ours' });
  await acme.sync([id]);
  expect(await applyItem(acme.database, 'acme', beforeSync, WISHES)).toBe('late');
  expect(await acme.lead(id)).toMatchObject({ name: 'Ours' });
});

test('a lead that changes here while an event is applied is judged again', async () => {
  const id = await acme.linked();
  acme.portal.person.change(1, { name: 'Theirs', comments: 'theirs' }, { silently: true });
  const look = await fetched();
  let applied: Promise<unknown> | undefined;
  await acme.database.transaction(async (tx) => {
    await tx.execute({ text: "update leads set notes = 'ours' where id = $1::bigint", params: [id] });
    applied = applyItem(acme.database, 'acme', look, WISHES);
    await expect
      .poll(() =>
        acme.sql("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"),
      )
      .toHaveLength(1);
  });
  expect(await applied).toBe('late');
  expect(await acme.lead(id)).toMatchObject({ name: 'Lead 0', notes: 'ours' });
  expect(await applyItem(acme.database, 'acme', await fetched(), WISHES)).toBe('updated');
  expect(await acme.lead(id)).toMatchObject({ name: 'Theirs' });
});

test('an event waits while a sync has the lead', async () => {
  const id = await acme.linked();
  acme.portal.person.change(1, { name: 'Theirs' }, { silently: true });
  await acme.sql("update crm_links set claimed_by = 1, claim_fence = 1, claimed_until = now() + interval '1 min'");
  await acme.tell('ONCRMLEADUPDATE', 1);
  await acme.drainDue();
  expect(await acme.lead(id)).toMatchObject({ name: 'Lead 0' });
  expect(await acme.sql('select attempt from jobqueue.jobs')).toEqual([{ attempt: 0 }]);
  await acme.letPass(0);
  await acme.drain();
  expect(await acme.lead(id)).toMatchObject({ name: 'Theirs' });
});
