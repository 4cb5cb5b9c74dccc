/** Thousands of odd requests against every endpoint: whatever a client sends, the fault is never ours. `FUZZ_RUNS` asks for more of them. */
import { createHmac } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import * as drafts from '../../lib/ai/request.ts';
import * as campaigns from '../../lib/campaigns/request.ts';
import * as companies from '../../lib/companies/request.ts';
import { name, rowId } from '../../lib/fields.ts';
import * as imports from '../../lib/imports/request.ts';
import * as optOuts from '../../lib/opt-outs/request.ts';
import { WebhookBody } from '../../lib/providers/whatsapp/events.ts';
import { jobs } from '../../lib/queue/jobs.ts';
import { operatorRequest } from '../../packages/jobqueue/src/operations/request.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import fc, { type Arbitrary } from '../support/property.ts';
import { hostileText, inputFor, inputOf, type Json } from './hostile.ts';

type Method = 'GET' | 'POST';
type Dispatcher = Record<Method, (request: Request) => Promise<Response>>;
interface Asked {
  readonly query?: object;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const RUNS = Number(process.env.FUZZ_RUNS ?? 40);
const SECRET = 'secret-0123456789-abcdef';
const SECRETS = [
  'CRON_SECRET',
  'OPERATOR_SECRET',
  'QUEUE_API_KEY',
  'WHATSAPP_APP_SECRET',
  'WHATSAPP_VERIFY_TOKEN',
  'BITRIX24_APPLICATION_TOKEN',
];

let db: TestDatabase;
let sql: pg.Client;
let api: Dispatcher;

beforeAll(async () => {
  db = await freshDatabase();
  sql = new pg.Client(db.url);
  await sql.connect();
  process.env.DATABASE_URL = db.url;
  for (const name of SECRETS) process.env[name] = SECRET;
  process.env.LOG_LEVEL = 'silent';
  process.env.SECRETS_KEY = 'a'.repeat(64);
  api = (await import('../../app/api/route.local.ts')) as Dispatcher;
  await sql.query(`insert into companies (id, name) values ('co1', 'co1')`);
  await sql.query(`insert into crm_settings (company_id) values ('co1')`);
  await sql.query(
    `insert into templates (company_id, name, language, category, status, body) values ('co1', 'hello', 'en', 'MARKETING', 'APPROVED', 'Hi')`,
  );
  const { queue } = await import('../../lib/queue/index.ts');
  await queue.pause({}, { actor: 'fuzz' }); // what is enqueued here must not call anybody
  const campaign = {
    ...known,
    id: 'campaign-1',
    name: 'n',
    audience: { kind: 'list', people: [{ phone: '+971501234567' }] },
  };
  expect((await ask('POST', 'campaigns', { body: campaign })).status).toBe(201);
  const csv = { body: 'phone\n+971501234567', headers: { 'content-type': 'text/csv' } };
  expect((await ask('POST', 'imports', { query: { companyId: 'co1', id: 'import-1' }, ...csv })).status).toBe(201);
});
afterAll(async () => {
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await sql.end();
  await db.drop();
});

/** Characters that a header may carry. */
const headerText = fc
  .oneof(hostileText, fc.constantFrom('2026-12-01T00:00:00Z'))
  .map((text) => text.replace(/[^\x20-\x7e]/g, '').trim());

const file: Arbitrary<Asked> = fc.oneof(
  fc
    .tuple(hostileText, hostileText)
    .map(([a, b]) => ({ body: `phone,name\n${a},${b}\n+971501234567,x`, headers: { 'content-type': 'text/csv' } })),
  fc.tuple(hostileText, hostileText).map(([name, text]) => {
    const body = new FormData();
    body.set('file', new File([text], name));
    return { body };
  }),
  fc.tuple(hostileText, hostileText).map(([boundary, text]) => ({
    body: `--x\r\ncontent-disposition: form-data; name="file"; filename="${text}"\r\n\r\n${text}`,
    headers: { 'content-type': `multipart/form-data; boundary=${boundary.replace(/[^\x20-\x7e]/g, '')}` },
  })),
);

const portalEvent: Arbitrary<Asked> = fc
  .record({
    event: fc.constantFrom('ONCRMLEADADD', 'ONCRMLEADDELETE', 'x'),
    id: fc.oneof(fc.stringMatching(/^\d{1,19}$/), hostileText),
    ts: hostileText,
  })
  .map(({ event, id, ts }) => ({
    body: new URLSearchParams({ event, 'data[FIELDS][ID]': id, ts, 'auth[application_token]': SECRET }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  }));

const known = { companyId: 'co1', template: { name: 'hello', language: 'en' }, parameters: {} };
const ids = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1', '2', 'import-1', 'campaign-1') },
  { weight: 1, arbitrary: hostileText },
);

/** Replaces a part of every second value by one that is sure to match rows; null leaves out fields that the JSON Schema cannot express. */
const surely = (made: unknown, isSure: boolean, sure: object): unknown =>
  isSure && typeof made === 'object' && made !== null
    ? Object.fromEntries(Object.entries({ ...made, ...sure }).filter(([, value]) => value !== null))
    : made;
const body = (schema: z.ZodType | Json, sure: object = {}): Arbitrary<Asked> =>
  fc
    .tuple(schema instanceof z.ZodType ? inputOf(schema) : inputFor(schema), fc.boolean())
    .map(([made, isSure]) => ({ body: surely(made, isSure, sure) }));
const query = (schema: z.ZodType, sure: object = {}): Arbitrary<Asked> =>
  fc
    .tuple(inputOf(schema), fc.boolean(), ids)
    .map(([made, isSure, id]) => ({ query: Object(surely(made, isSure, { id, ...sure })) }));
const upload = { companyId: 'co1', country: 'AE', encoding: 'utf-8', policies: null, columns: '{"#1":"phone"}' };

const options = z.strictObject({
  priority: z.int().min(0).max(10).optional(),
  idempotencyKey: z.string().max(512).optional(),
  maxAttempts: z.int().min(1).max(100).optional(),
  scheduledFor: z.iso.datetime({ offset: true }).optional(),
  queue: name.optional(),
});
const job = z.union(
  jobs.map(({ type, payload }) => z.strictObject({ type: z.literal(type), payload, options: options.optional() })),
);
const drain = z.strictObject({
  queue: z.string().optional(),
  types: z.array(z.enum(jobs.map(({ type }) => type))).optional(),
  limit: z.int().min(1).max(10).optional(),
  budgetMs: z.int().min(100).max(200),
  dryRun: z.boolean().optional(),
  includePaused: z.literal(false).optional(), // everything is paused
});

const ENDPOINTS: readonly (readonly [name: string, method: Method, path: string, asked: Arbitrary<Asked>])[] = [
  ...(operatorRequest.jsonSchema.oneOf as readonly (Json & { properties: { action: Json } })[]).map(
    (action) => [`the operator's ${action.properties.action.enum?.[0]}`, 'POST', 'operator', body(action)] as const,
  ),
  ['a drain', 'POST', 'drain', body(drain)],
  [
    'a resumption',
    'POST',
    'connections',
    body(z.strictObject({ companyId: z.string().max(100), provider: z.enum(['whatsapp', 'bitrix24', 'ai']) })),
  ],
  [
    'a company',
    'POST',
    'companies',
    body(companies.companyCreation, { id: 'co1', country: 'AE', timeZone: 'Asia/Dubai' }),
  ],
  [
    "a company's settings",
    'POST',
    'companies',
    fc
      .tuple(
        query(companies.settingsQuery, { id: 'co1' }),
        body(companies.settingsChange, { actor: 'fuzz', reason: 'x', secrets: null, seen: null }),
      )
      .map(([a, b]) => ({ ...a, ...b })),
  ],
  ['companies', 'GET', 'companies', query(companies.companyQuery)],
  ...optOuts.optOutRequest.options.map(
    (action) =>
      [
        `${action.shape.action.value}ing an opt-out`,
        'POST',
        'opt-outs',
        body(action, { companyId: action.shape.action.value === 'add' ? 'co1' : null, actor: 'fuzz' }),
      ] as const,
  ),
  ['opt-outs', 'GET', 'opt-outs', query(optOuts.optOutsQuery, { id: null })],
  [
    'a job',
    'POST',
    'jobs',
    fc
      .tuple(body(job), fc.option(headerText))
      .map(([asked, key]) => ({ ...asked, headers: key === null ? {} : { 'idempotency-key': key } })),
  ],
  ['jobs', 'POST', 'jobs', body(z.strictObject({ jobs: z.array(job) }))],
  [
    "a job's status",
    'GET',
    'jobs',
    query(z.strictObject({ id: rowId, payload: z.literal('true').optional(), wait: z.string().optional() })),
  ],
  ['a campaign', 'POST', 'campaigns', body(campaigns.newCampaign, known)],
  [
    "a campaign's preview",
    'POST',
    'campaigns',
    fc
      .tuple(query(campaigns.previewQuery, { id: null }), body(campaigns.newCampaign, known))
      .map(([a, b]) => ({ ...a, ...b })),
  ],
  ["a campaign's action", 'POST', 'campaigns', query(campaigns.actionQuery)],
  ["a campaign's status", 'GET', 'campaigns', query(campaigns.statusQuery)],
  ['drafts', 'GET', 'drafts', query(drafts.draftsQuery)],
  ['a decision', 'POST', 'drafts', body(drafts.draftDecision)],
  [
    'an upload',
    'POST',
    'imports',
    fc.tuple(query(imports.uploadQuery, upload), file).map(([a, b]) => ({ ...a, ...b })),
  ],
  ['a part', 'POST', 'imports', fc.tuple(query(imports.partQuery, upload), file).map(([a, b]) => ({ ...a, ...b }))],
  [
    'a finished upload',
    'POST',
    'imports',
    fc.tuple(query(imports.finishQuery), body(imports.wholeFile)).map(([a, b]) => ({ ...a, ...b })),
  ],
  [
    'a confirmation',
    'POST',
    'imports',
    fc
      .tuple(query(imports.confirmQuery), body(imports.confirmation, { country: 'AE', encoding: 'utf-8' }))
      .map(([a, b]) => ({ ...a, ...b })),
  ],
  [
    "an import's steering",
    'POST',
    'imports',
    fc.oneof(
      ...[imports.cancelQuery, imports.pauseQuery, imports.resumeQuery, imports.undoQuery, imports.forgetQuery].map(
        (schema: z.ZodType) => query(schema),
      ),
    ),
  ],
  [
    "an import's status",
    'GET',
    'imports',
    fc.oneof(...[imports.statusQuery, imports.previewQuery, imports.mappingsQuery].map((schema) => query(schema))),
  ],
  [
    'a tick',
    'GET',
    'cron/drain',
    fc
      .record({ 'ce-vssscheduledat': headerText, 'ce-id': headerText }, { requiredKeys: [] })
      .map((headers) => ({ headers })),
  ],
  [
    "WhatsApp's handshake",
    'GET',
    'webhooks/whatsapp',
    query(
      z.strictObject({
        'hub.mode': z.literal('subscribe'),
        'hub.verify_token': z.literal(SECRET),
        'hub.challenge': z.string(),
      }),
    ),
  ],
  ["WhatsApp's webhook", 'POST', 'webhooks/whatsapp', body(WebhookBody, { object: 'whatsapp_business_account' })],
  ["a portal's event", 'POST', 'webhooks/bitrix24', portalEvent],
  ['health', 'GET', 'health', query(z.strictObject({ id: z.string() }))],
];

test.each(ENDPOINTS)('%s is never answered by a fault of ours', async (_, method, path, asked) => {
  await fc.assert(
    fc.asyncProperty(asked, async (request) => {
      if (path === 'imports') await sql.query(WAITS);
      const response = await ask(method, path, request);
      const text = await response.text(); // files are streams that ask the database as they go
      if (path !== 'health') expect(response.status, text).toBeLessThan(500);
    }),
    { numRuns: path === 'cron/drain' ? Math.ceil(RUNS / 10) : RUNS },
  );
});

/** Makes an import wait, because its question may be asked again. */
const WAITS = `update imports set status = 'waiting', question = '{"code":"preview"}', held_at = now(), failure = null,
  layout = null, next_offset = null, next_row = null where id = 'import-1'`;

function ask(method: Method, path: string, { query = {}, body, headers = {} }: Asked): Promise<Response> {
  const url = new URL(`https://queue.example/api/${path}`);
  for (const [name, value] of Object.entries(query))
    url.searchParams.append(name, typeof value === 'string' ? value : JSON.stringify(value));
  const sent = typeof body === 'string' || body instanceof FormData ? body : JSON.stringify(body ?? null);
  const type = headers['content-type'] ?? 'application/json';
  return api[method](
    new Request(url, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${SECRET}`,
        ...(method === 'POST' &&
          typeof sent === 'string' && {
            'content-type': type,
            'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(sent).digest('hex')}`,
          }),
      },
      ...(method === 'POST' && { body: sent }),
    }),
  );
}
