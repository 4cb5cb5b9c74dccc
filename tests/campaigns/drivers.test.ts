/** A campaign over every driver: no transaction, no session, one statement at a time. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recipientsFile } from '../../lib/campaigns/recipients-file.ts';
import { describeEachDriver } from '../support/drivers.ts';
import { COMPANY, numbers, startCampaignsOn } from './campaigns.ts';

describeEachDriver('campaigns', (setup) => {
  let its: Awaited<ReturnType<typeof startCampaignsOn>>;
  beforeAll(async () => {
    its = await startCampaignsOn(setup.database);
    await its.addCompany(COMPANY, { dailyPeople: 1_000 });
  });
  afterAll(() => its.close());

  test('is planned, sent once to everybody, told of and reported', async () => {
    const people = [...numbers(60).map((phone) => ({ phone, name: 'Ann, "A"' })), { phone: 'none' }];
    const id = await its.create({ people, quietHours: { from: '03:00', to: '03:15' }, cap: { messages: 9, hours: 1 } });
    await its.drainUntil(id, ['settling', 'running']);
    await its.rows('update recipients set next_at = now(), closes_at = null');
    await its.makeDue();
    await its.drainUntil(id, 'settling');
    await its.tell(id, 'read');
    await its.makeDue();
    await its.drainUntil(id, 'completed');
    const { report } = await its.read(id);
    expect(report).toMatchObject({ planned: 61, read: 60, skipped: { byReason: { invalid_phone: 1 } } });
    expect(new Set(its.phones.deliveries.map(({ phone }) => phone)).size).toBe(60);
    expect(its.phones.deliveries).toHaveLength(60);
    const file = await new Response(await recipientsFile(setup.database, id)).text();
    expect(file.trim().split('\r\n')).toHaveLength(62);
  });
});
