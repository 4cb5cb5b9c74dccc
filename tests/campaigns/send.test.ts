/** A campaign from its making to its report. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Campaigns, COMPANY, numbers, startCampaigns } from './campaigns.ts';

let its: Campaigns;
beforeAll(async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY);
});
afterAll(() => its.close());
beforeEach(() => {
  its.phones.deliveries.length = 0;
  its.phones.refuse = () => null;
});

test('everybody gets the template once, filled in with what is theirs, and the campaign completes when Meta has told', async () => {
  const [first = '', second = '', third = ''] = numbers(3);
  const id = await its.create({
    people: [{ phone: first, name: 'Ann' }, { phone: second, name: ' Bo\nTwo ' }, { phone: third }],
  });
  await its.drain();
  expect(await its.statuses(id)).toEqual({ [first]: 'accepted', [second]: 'accepted', [third]: 'accepted' });
  expect(its.phones.deliveries.map(({ phone, texts }) => [phone, ...texts]).sort()).toEqual([
    [first, 'Ann'],
    [second, 'Bo Two'],
    [third, 'there'],
  ]);
  expect(await its.read(id)).toMatchObject({ status: 'settling', report: { planned: 3, accepted: 3 } });
  await its.deliver(id);
  await its.makeDue();
  await its.drain();
  expect(await its.read(id)).toMatchObject({ status: 'completed', report: { planned: 3, delivered: 3 } });
  const [{ report } = { report: null }] = await its.rows<{ report: unknown }>(
    'select report from campaigns where id = $1',
    id,
  );
  expect(report).toMatchObject({ planned: 3, delivered: 3 });
});
