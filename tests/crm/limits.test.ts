/** The portal's directory and its time budgets: settings that do not fit, methods that are used up, one at a time. */
import { expect, test } from 'vitest';
import { methodBucket, restMs } from '../../lib/crm/operating.ts';
import { Portal } from '../../lib/providers/bitrix24.ts';
import { companyWithPortal } from './company.ts';

const acme = companyWithPortal();
const pause = () => acme.sql('select paused_code, paused_reason from connections where paused_at is not null');

test.each([
  ['stage_id', 'GONE', 'crm_settings.stage_id: the portal has no stage GONE, but NEW, IN_PROCESS'],
  ['source_id', 'FAIR', 'crm_settings.source_id: the portal has no source FAIR, but CALL, EMAIL'],
])(
  'a %s that the portal does not know pauses the connection with the reason, and no lead is added',
  async (column, id, reason) => {
    await acme.sql(`update crm_settings set ${column} = $1`, id);
    const ids = await acme.leads(3);
    await acme.request(ids);
    await acme.drainDue();
    expect(await pause()).toEqual([
      { paused_code: 'settings_invalid', paused_reason: expect.stringContaining(reason) },
    ]);
    expect(acme.portal.items.size).toBe(0);
    expect(await acme.sql('select attempt from jobqueue.jobs')).toEqual([
      { attempt: 0 },
      { attempt: 0 },
      { attempt: 0 },
    ]);

    acme.portal.directory.statuses[column === 'stage_id' ? 'STATUS' : 'SOURCE'] = [id];
    await acme.sql('update connections set paused_at = null, paused_code = null, paused_reason = null');
    await acme.letPass(0);
    await acme.drain();
    expect(acme.portal.items.size).toBe(3);
  },
);

test('a field that the portal does not know, and would ignore without a word, pauses the connection', async () => {
  acme.portal.directory.fields.delete('comments');
  await acme.request(await acme.leads(1));
  await acme.drainDue();
  expect(await pause()).toEqual([
    { paused_code: 'settings_invalid', paused_reason: "the portal's leads have no field comments that can be written" },
  ]);
  expect(acme.portal.items.size).toBe(0);
});

test('the directory is asked for once a day, all of it, and anew where the company moved to another portal', async () => {
  acme.portal.directory.statuses.STATUS = Array.from({ length: 120 }, (_, n) => `STAGE_${n}`);
  await acme.sql("update crm_settings set stage_id = 'STAGE_119'"); // on the third page
  await acme.sync(await acme.leads(1));
  await acme.sync(await acme.leads(1, 1));
  expect(acme.asked('crm.item.fields')).toBe(1);
  await acme.sql("update crm_settings set directory_at = now() - interval '25 h'");
  await acme.sync(await acme.leads(1, 2));
  expect(acme.asked('crm.item.fields')).toBe(2);
  await acme.sql(`update crm_settings set directory = directory || '{"host": "elsewhere.example"}'`);
  await acme.sync(await acme.leads(1, 3));
  expect(acme.asked('crm.item.fields')).toBe(3);
  expect(acme.portal.items.size).toBe(4);
});

test('a method that is used up rests to the second that the portal names, and the others go on', async () => {
  const id = await acme.linked();
  acme.portal.block('crm.item.add');
  await acme.request(await acme.leads(1, 1));
  await acme.drainDue();
  const blocked = await acme.sql(
    'select key, extract(epoch from blocked_until)::float8 as until from jobqueue.buckets where blocked_until > now()',
  );
  const portal = new Portal(acme.portal.webhookUrl);
  expect(blocked.map(({ key }) => key)).toEqual([methodBucket(portal, 'crm.item.add')]);
  expect(Math.abs(Number(blocked[0]?.until) * 1000 - (acme.portal.clock.now() + 600_000))).toBeLessThan(3_000);
  await acme.change(id, { notes: 'still written' });
  const asked = acme.asked('crm.item.list');
  await acme.request([id, ...(await acme.leads(3, 5))]);
  await acme.drainDue();
  expect(acme.item().fields.comments).toBe('still written');
  expect(acme.portal.items.size).toBe(1);
  expect(acme.asked('crm.item.list') - asked).toBeLessThanOrEqual(1); // who needs the method asks for nothing else first
});

test('leads are added while updates are blocked, although those that wait for one are carried along', async () => {
  const id = await acme.linked();
  acme.portal.block('crm.item.update');
  await acme.change(id, { notes: 'waits' });
  await acme.request([id, ...(await acme.leads(3, 1))]);
  await acme.drain(); // the first to meet the block had the others with it: they are free again after 5 s
  expect(acme.portal.items.size).toBe(4);
  expect(acme.item().fields.comments).toBe('');
  acme.portal.clock.advance(601_000);
  await acme.letPass(0);
  await acme.drain();
  expect(acme.item().fields.comments).toBe('waits');
});

test('from 80 % of its time on a method slows down, and no other does', async () => {
  const id = await acme.linked();
  acme.portal.spend('crm.item.update', 432); // half-way from 80 % to all of it
  await acme.change(id, { notes: 'news' });
  await acme.sync([id]);
  const rows = await acme.sql(
    'select key, extract(epoch from blocked_until - now())::float8 as s from jobqueue.buckets where blocked_until > now()',
  );
  expect(rows).toHaveLength(1);
  expect(rows[0]?.key).toContain(':crm.item.update');
  expect(Number(rows[0]?.s)).toBeGreaterThan(290);
  expect(Number(rows[0]?.s)).toBeLessThan(301);
  await acme.sync(await acme.leads(1, 1));
  expect(acme.portal.items.size).toBe(2);
});

test.each([
  [0, 600, 0],
  [383, 600, 0],
  [384, 600, 1_000],
  [432, 600, 300_000],
  [432, 100, 50_000],
  [480, 100, 100_000],
  [700, 5_000, 600_000],
  [480, -5, 0],
  [432, null, 300_000],
])('after %i s, with the budget new in %s s, a method rests %i ms', (seconds, resetS, ms) => {
  const resetAtMs = resetS === null ? null : 1_000_000 + resetS * 1000;
  expect(restMs({ method: 'm', seconds, resetAtMs }, 1_000_000)).toBe(ms);
});
