/** /api/campaigns through its exported handlers: what is refused and why, and what a client can do with a campaign. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const KEY = 'a-queue-api-key-of-the-tests';
type Endpoint = typeof import('../../api/_app/campaigns.ts');

let fresh: TestDatabase;
let endpoint: Endpoint;
let sql: (text: string, ...params: unknown[]) => Promise<Record<string, unknown>[]>;

beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  vi.stubEnv('QUEUE_API_KEY', KEY);
  endpoint = await import('../../api/_app/campaigns.ts');
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  sql = (text, ...params) => database().execute({ text, params });
  await sql("insert into companies (id, name) values ('acme', 'Acme')");
  await sql(
    `insert into templates (company_id, name, language, category, status, body, parameters)
     select 'acme', 'offer', l.code, 'MARKETING', l.status, 'Hello {{1}}', '[{"component": "body", "name": "1"}]'
     from (values ('en', 'APPROVED'), ('ar', 'REJECTED')) as l(code, status)`,
  );
});
afterAll(async () => {
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await fresh.drop();
  vi.unstubAllEnvs();
});

const campaign = (given: object = {}) => ({
  id: 'spring-2026',
  companyId: 'acme',
  name: 'Spring',
  template: { name: 'offer', language: 'en' },
  audience: { kind: 'list', people: [{ phone: '+971501234567', name: 'Ann' }, { phone: '0501234568' }] },
  parameters: { 'body.1': { field: 'name', fallback: 'there' } },
  ...given,
});

async function ask(method: 'GET' | 'POST', query: string, body?: object, key: string | null = KEY) {
  const headers = {
    ...(body && { 'content-type': 'application/json' }),
    ...(key !== null && { authorization: `Bearer ${key}` }),
  };
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  const response = await endpoint[method](new Request(`https://app.example/api/campaigns${query}`, init));
  const isJson = response.headers.get('content-type')?.includes('json');
  return {
    status: response.status,
    body: isJson ? await response.json() : await response.text(),
    headers: response.headers,
  };
}

describe('making one', () => {
  test('answers its id and status, and the same when it is sent again; another under its id is refused', async () => {
    const made = await ask('POST', '', campaign());
    expect(made).toMatchObject({ status: 201, body: { campaignId: 'spring-2026', status: 'planning' } });
    expect((await ask('POST', '', campaign())).body).toEqual(made.body);
    expect(await sql('select type::text, payload from jobqueue.jobs')).toEqual([
      { type: 'campaign_send', payload: { campaignId: 'spring-2026', companyId: 'acme', shard: 0 } },
    ]);
    expect(await ask('POST', '', campaign({ name: 'Summer' }))).toMatchObject({
      status: 409,
      body: { error: { code: 'campaign_exists' } },
    });
  });

  test.each([
    ['an unknown field', { colour: 'red' }, 400, 'request_invalid'],
    ['quiet hours that are none', { quietHours: { from: '21:00', to: '21:00' } }, 400, 'request_invalid'],
    ['quiet hours between quarters', { quietHours: { from: '21:05', to: '09:00' } }, 400, 'request_invalid'],
    ['an empty list', { audience: { kind: 'list', people: [] } }, 400, 'request_invalid'],
    [
      'a zone that is none',
      { audience: { kind: 'list', people: [{ phone: '1', timeZone: 'Mars/Base' }] } },
      400,
      'request_invalid',
    ],
    ['text that Postgres cannot store', { name: 'a\u0000b' }, 400, 'request_invalid'],
    ['a template that there is not', { template: { name: 'offer', language: 'fr' } }, 404, 'template_unknown'],
    ['a rejected template', { template: { name: 'offer', language: 'ar' } }, 400, 'template_unusable'],
    ['a gap that nothing fills', { parameters: {} }, 400, 'parameters_invalid'],
    [
      'a text that fills no gap',
      { parameters: { 'body.1': { value: 'x' }, 'body.2': { value: 'y' } } },
      400,
      'parameters_invalid',
    ],
    ['seventeen shards', { shards: 17 }, 400, 'request_invalid'],
    ['a start that no job can wait for', { scheduledAt: '2050-01-01T00:00:00Z' }, 400, 'request_invalid'],
  ])('is refused with %s, and leaves nothing', async (_, given, status, code) => {
    const refused = await ask('POST', '', campaign({ id: 'refused-one', ...given }));
    expect(refused).toMatchObject({ status, body: { error: { code } } });
    expect(await sql("select from campaigns where id = 'refused-one'")).toEqual([]);
  });

  test('takes the largest list that it promises in one request', async () => {
    const people = Array.from({ length: 10_000 }, (_, n) => ({
      phone: `+9715${String(10_000_000 + n)}`,
      name: `Person ${n}`,
    }));
    const made = await ask(
      'POST',
      '',
      campaign({ id: 'largest-list', audience: { kind: 'list', people }, draft: true }),
    );
    expect(made).toMatchObject({ status: 201, body: { status: 'draft' } });
    expect(await sql("select count(*)::int as n from campaign_entries where campaign_id = 'largest-list'")).toEqual([
      { n: 10_000 },
    ]);
  });
});

describe('afterwards', () => {
  test('it is read, listed, paused, resumed and cancelled; an ended one refuses', async () => {
    await ask('POST', '', campaign({ id: 'controlled' }));
    expect((await ask('GET', '?id=controlled')).body).toMatchObject({
      campaignId: 'controlled',
      status: 'planning',
      template: { name: 'offer', language: 'en' },
      report: { planned: 0, failed: { total: 0, byCode: [] } },
    });
    const listed = (await ask('GET', '?companyId=acme&limit=1')).body as { campaigns: unknown[] };
    expect(listed.campaigns).toMatchObject([{ campaignId: 'controlled' }]);
    const act = async (action: string) => (await ask('POST', `?id=controlled&action=${action}`)).body;
    expect(await act('pause')).toEqual({ campaignId: 'controlled', status: 'paused' });
    expect(await act('pause')).toEqual({ campaignId: 'controlled', status: 'paused' });
    expect(await act('resume')).toEqual({ campaignId: 'controlled', status: 'planning' });
    expect(await act('cancel')).toEqual({ campaignId: 'controlled', status: 'cancelled' });
    expect(await ask('POST', '?id=controlled&action=pause')).toMatchObject({
      status: 409,
      body: { error: { code: 'campaign_status' } },
    });
  });

  test('its recipients are a CSV with a name of its own', async () => {
    await ask('POST', '', campaign({ id: 'as-a-file' }));
    const { body, headers } = await ask('GET', '?id=as-a-file&recipients=csv');
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(headers.get('content-disposition')).toBe('attachment; filename="as-a-file-recipients.csv"');
    expect(String(body)).toContain('phone,name,status');
  });

  test.each([
    ['GET', '?id=no-such-campaign', 404],
    ['GET', '?id=no-such-campaign&recipients=csv', 404],
    ['POST', '?id=no-such-campaign&action=resume', 404],
    ['POST', '?id=no-such-campaign&action=explode', 400],
    ['GET', '?id=%00', 400],
    ['GET', '', 400],
    ['GET', '?companyId=acme&limit=9999', 400],
  ] as const)('%s %s is %i', async (method, query, status) => {
    expect((await ask(method, query)).status).toBe(status);
  });

  test('nobody gets in without the key', async () => {
    for (const key of [null, 'a-wrong-key-of-the-tests']) {
      expect((await ask('GET', '?id=spring-2026', undefined, key)).status).toBe(401);
      expect((await ask('POST', '', campaign(), key)).status).toBe(401);
      expect((await ask('POST', '?id=spring-2026&action=cancel', undefined, key)).status).toBe(401);
    }
  });
});
