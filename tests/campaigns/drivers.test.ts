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

  test('of a person whom Postgres refuses, everybody else is written to, and the list says why', async () => {
    await its.rows("alter table recipients add constraint nobody_is_called_nemo check (name <> 'Nemo')");
    const people = numbers(90, 500).map((phone, n) => ({ phone, name: n === 17 || n === 62 ? 'Nemo' : `Lead ${n}` }));
    people.push({ phone: `${'x'.repeat(59)}${'😀'.repeat(30)}`, name: 'half a character at each cut' });
    const id = await its.create({ people });
    await its.drainUntil(id, 'settling');
    const { report } = await its.read(id);
    expect(report).toMatchObject({
      planned: 91,
      accepted: 88,
      skipped: { byReason: { refused: 2, invalid_phone: 1 } },
    });
    const file = await new Response(await recipientsFile(setup.database, id)).text();
    expect(file).toContain(
      `${people[17]?.phone},,skipped,refused,,"the database refuses this row, because of the rule 'nobody is called nemo'"`,
    );
  });
});
