/** Claims stay what they cost at first, however much a campaign has sent: also over plans that were made when its tables were empty. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newOpaqueId } from '../../lib/messaging/opaque-id.ts';
import { type Campaigns, COMPANY, startCampaigns } from './campaigns.ts';

let its: Campaigns;
beforeAll(async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY, { dailyPeople: 1_000_000 });
});
afterAll(() => its.close());

const PEOPLE = 8_000;

test('a claim reads no more rows after 8,000 recipients than after a hundred', { timeout: 60_000 }, async () => {
  const id = await its.create({ draft: true, cap: { messages: 5, hours: 24 } });
  await its.rows(
    `insert into recipients (campaign_id, company_id, phone_e164, parameters)
     select $1, $2, '+97150' || (1000000 + n), '{"body.1": "x"}' from generate_series(1, $3::int) n`,
    id,
    COMPANY,
    PEOPLE,
  );
  await its.rows("update campaigns set status = 'running', planned_at = now() where id = $1", id);

  /** One connection throughout, as a drain has: its plans stay. */
  const [early, late] = await its.database.transaction(async (connection) => {
    const rows = <Row extends object>(text: string, ...params: unknown[]) => connection.execute<Row>({ text, params });
    const claim = async (most: number) => {
      const ids = JSON.stringify(Array.from({ length: most }, newOpaqueId));
      const [row] = await rows<{ answer: { claimed: { id: string; claim: string; opaqueId: string }[] } }>(
        'select claim_recipients($1, gen_random_uuid(), array(select jsonb_array_elements_text($2::jsonb))) as answer',
        id,
        ids,
      );
      const claimed = row?.answer.claimed ?? [];
      const outcomes = claimed.map((one) => ({
        ...one,
        to: 'accepted',
        call: 'accepted',
        counts: true,
        wamid: one.id,
      }));
      await rows('select settle_recipients($1, $2::jsonb)', id, JSON.stringify(outcomes));
      return claimed.length;
    };
    const reads = async () => {
      const [row] = await rows<{ n: number }>(
        `select (coalesce(sum(pg_stat_get_xact_tuples_returned(oid)), 0))::float8 as n
         from pg_class where relname in ('recipients', 'portfolio_people', 'delivery_attempts', 'opt_outs', 'conversations')`,
      );
      return row?.n ?? 0;
    };
    const costOf = async (claims: number, most: number) => {
      const before = await reads();
      for (let n = 0; n < claims; n++) await claim(most);
      return ((await reads()) - before) / claims;
    };
    await claim(1);
    const first = await costOf(5, 20);
    for (let sent = 101; sent < PEOPLE - 200; sent += 1_000) await claim(Math.min(1_000, PEOPLE - 200 - sent));
    return [first, await costOf(5, 20)] as const;
  });
  expect(early).toBeLessThan(1_000);
  expect(late).toBeLessThan(early + 500);
});
