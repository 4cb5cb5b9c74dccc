/** The endpoints of api/, webhooks included: requests made from their own schemas, and now and then from none. */

import './environment.ts';

import { createHmac } from 'node:crypto';
import { z } from 'zod';
import * as drafts from '../../../lib/ai/request.ts';
import * as campaigns from '../../../lib/campaigns/request.ts';
import * as companies from '../../../lib/companies/request.ts';
import { name, rowId } from '../../../lib/fields.ts';
import * as imports from '../../../lib/imports/request.ts';
import * as optOuts from '../../../lib/opt-outs/request.ts';
import { WebhookBody } from '../../../lib/providers/whatsapp/events.ts';
import { jobs } from '../../../lib/queue/jobs.ts';
import { operatorRequest } from '../../../packages/jobqueue/src/operations/request.ts';
import fc, { type Arbitrary } from '../../support/property.ts';
import { type Asked, type Entry, formData, isShut, type Outcome, RIGHT, withQuery } from './entry.ts';
import { SECRETS, type Secret } from './environment.ts';
import { csv, hostileText, inputFor, inputOf, type Json, rawBody } from './values.ts';
import { IMPORT_WAITS } from './world.ts';

type Method = 'GET' | 'POST';

const WRONG_BEARERS = [
  'no header',
  'an empty one',
  'a wrong one',
  'a prefix',
  'one and more',
  'another scheme',
  ...Object.keys(SECRETS),
];

function bearer(secret: Secret, key: string): string | null {
  const value = SECRETS[secret];
  switch (key) {
    case RIGHT:
      return `Bearer ${value}`;
    case 'no header':
      return null;
    case 'an empty one':
      return 'Bearer ';
    case 'a wrong one':
      return 'Bearer wrong-secret-0123456789';
    case 'a prefix':
      return `Bearer ${value.slice(0, -1)}`;
    case 'one and more':
      return `Bearer ${value}x`;
    case 'another scheme':
      return `Basic ${value}`;
    default:
      return `Bearer ${SECRETS[key as Secret]}`;
  }
}

/** Sends a request to api/ as the platform routes it. */
export async function toApi(
  method: Method,
  path: string,
  asked: Asked,
  headers: Record<string, string>,
): Promise<Outcome> {
  const api = await import('../../../app/api/route.local.ts');
  const params = asked.params ?? {};
  const filled = path.replace(/\*|\[(\w+)\]/g, (_, of = 'rest') =>
    encodeURIComponent(params[of]?.toWellFormed() ?? 'x'),
  );
  const body = bodyOf(asked);
  const response = await api[method](
    new Request(withQuery(`https://queue.example${filled}`, asked.query), {
      method,
      headers: {
        ...(method === 'POST' && !(body instanceof FormData) && { 'content-type': 'application/json' }),
        ...asked.headers,
        ...headers,
      },
      ...(method === 'POST' && { body }),
    }),
  );
  const text = await response.text(); // files are streams that ask the database as they go
  return { status: response.status, text, isRefused: response.status >= 400 };
}

export function bodyOf({ form, body }: Asked): string | FormData {
  if (form !== undefined) return formData(form);
  return typeof body === 'string' ? body : JSON.stringify(body ?? null);
}

interface Guarded extends Partial<Pick<Entry, 'before' | 'slow' | 'reads' | 'ownFaults'>> {
  readonly secret: Secret;
}

/** An endpoint that one bearer secret opens. */
function guarded(
  name: string,
  method: Method,
  path: string,
  asked: Arbitrary<Asked>,
  { secret, ...more }: Guarded,
): Entry {
  const wrongKeys = WRONG_BEARERS.filter((key) => key !== secret);
  const send: Entry['send'] = (request, key) => {
    const authorization = bearer(secret, key);
    return toApi(method, path, request, authorization === null ? {} : { authorization });
  };
  return { name, place: `${method} ${path}`, asked, send, wrongKeys, secret, reads: method === 'GET', ...more };
}

const OPERATOR = { secret: 'OPERATOR_SECRET' } as const;
const ENQUEUER = { secret: 'QUEUE_API_KEY' } as const;

/** Characters that a header may carry. */
const headerText = fc
  .oneof(hostileText, fc.constantFrom('2026-12-01T00:00:00Z'))
  .map((text) => text.replace(/[^\x20-\x7e]/g, '').trim());

const file: Arbitrary<Asked> = fc.oneof(
  {
    weight: 4,
    arbitrary: csv.map((bytes) => ({ body: bytes.toWellFormed(), headers: { 'content-type': 'text/csv' } })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(hostileText, csv).map(([fileName, bytes]) => ({ form: { file: { fileName, bytes } } })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(hostileText, hostileText).map(([boundary, text]) => ({
      body: `--x\r\ncontent-disposition: form-data; name="file"; filename="${text}"\r\n\r\n${text}`.toWellFormed(),
      headers: { 'content-type': `multipart/form-data; boundary=${boundary.replace(/[^\x20-\x7e]/g, '')}` },
    })),
  },
);

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
  fc.oneof(
    {
      weight: 15,
      arbitrary: fc
        .tuple(schema instanceof z.ZodType ? inputOf(schema) : inputFor(schema), fc.boolean())
        .map(([made, isSure]) => ({ body: surely(made, isSure, sure) })),
    },
    { weight: 1, arbitrary: rawBody.map(({ body, type }) => ({ body, headers: { 'content-type': type } })) },
  );
const query = (schema: z.ZodType, sure: object = {}): Arbitrary<Asked> =>
  fc
    .tuple(inputOf(schema), fc.boolean(), ids)
    .map(([made, isSure, id]) => ({ query: Object(surely(made, isSure, { id, ...sure })) }));
const both = (a: Arbitrary<Asked>, b: Arbitrary<Asked>): Arbitrary<Asked> =>
  fc.tuple(a, b).map(([one, other]) => ({ ...one, ...other }));
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
const connection = z.strictObject({
  companyId: z.string().max(100),
  provider: z.enum(['whatsapp', 'bitrix24', 'ai']),
  action: z.enum(['resume', 'check']).optional(),
});
const tick: Arbitrary<Asked> = fc
  .record({ 'ce-vssscheduledat': headerText, 'ce-id': headerText }, { requiredKeys: [] })
  .map((headers) => ({ headers }));

const drains: readonly Entry[] = [
  guarded('a drain', 'POST', '/api/drain', body(drain), { ...OPERATOR, slow: 10 }),
  guarded('a tick', 'GET', '/api/cron/drain', tick, { secret: 'CRON_SECRET', reads: false, slow: 10 }),
  guarded('a tick that is posted', 'POST', '/api/cron/drain', tick, { secret: 'CRON_SECRET', slow: 10 }),
];

const operators = (operatorRequest.jsonSchema.oneOf as readonly (Json & { properties: { action: Json } })[]).map(
  (action) =>
    guarded(`the operator's ${action.properties.action.enum?.[0]}`, 'POST', '/api/operator', body(action), {
      ...OPERATOR,
      before: 'delete from jobqueue.environment', // an `adopt` gives the database away
    }),
);

const ofTheQueue: readonly Entry[] = [
  guarded(
    'a job',
    'POST',
    '/api/jobs',
    fc.tuple(body(job), fc.option(headerText)).map(([asked, key]) => ({
      ...asked,
      headers: { ...asked.headers, ...(key !== null && { 'idempotency-key': key }) },
    })),
    ENQUEUER,
  ),
  guarded('jobs', 'POST', '/api/jobs', body(z.strictObject({ jobs: z.array(job) })), ENQUEUER),
  guarded(
    "a job's status",
    'GET',
    '/api/jobs',
    query(z.strictObject({ id: rowId, wait: z.string().optional() })),
    ENQUEUER,
  ),
  guarded(
    "a job's payload",
    'GET',
    '/api/jobs',
    query(z.strictObject({ id: rowId, payload: z.literal('true') }), { payload: 'true' }).map(({ query }) => ({
      query: { payload: '', ...query },
    })),
    { ...OPERATOR, reads: false }, // each reading has its line in the audit log
  ),
  guarded('metrics', 'GET', '/api/metrics', query(z.strictObject({ id: z.string() })), { secret: 'METRICS_SECRET' }),
  {
    ...guarded('health', 'GET', '/api/health', query(z.strictObject({ id: z.string() })), OPERATOR),
    wrongKeys: WRONG_BEARERS.filter((key) => key !== 'OPERATOR_SECRET' && key !== 'no header'), // open, with fewer details
    ownFaults: [503],
  },
];

const ofTheApp: readonly Entry[] = [
  guarded('connections', 'GET', '/api/connections', query(z.strictObject({ id: z.string() })), OPERATOR),
  guarded('a connection', 'POST', '/api/connections', body(connection, { companyId: 'co1' }), { ...OPERATOR }),
  guarded(
    'a company',
    'POST',
    '/api/companies',
    body(companies.companyCreation, { id: 'co1', country: 'AE', timeZone: 'Asia/Dubai' }),
    OPERATOR,
  ),
  guarded(
    "a company's settings",
    'POST',
    '/api/companies',
    both(
      query(companies.settingsQuery, { id: 'co1' }),
      body(companies.settingsChange, { actor: 'fuzz', reason: 'x', secrets: null, seen: null }),
    ),
    OPERATOR,
  ),
  guarded('companies', 'GET', '/api/companies', query(companies.companyQuery), OPERATOR),
  ...optOuts.optOutRequest.options.map((action) =>
    guarded(
      `${action.shape.action.value}ing an opt-out`,
      'POST',
      '/api/opt-outs',
      body(action, { companyId: action.shape.action.value === 'add' ? 'co1' : null, actor: 'fuzz' }),
      ENQUEUER,
    ),
  ),
  guarded('opt-outs', 'GET', '/api/opt-outs', query(optOuts.optOutsQuery, { id: null }), ENQUEUER),
  guarded('a campaign', 'POST', '/api/campaigns', body(campaigns.newCampaign, known), ENQUEUER),
  guarded(
    "a campaign's preview",
    'POST',
    '/api/campaigns',
    // Without `preview` it would make one.
    both(query(campaigns.previewQuery, { id: null }), body(campaigns.newCampaign, known)).map((asked) => ({
      ...asked,
      query: { preview: 'true', ...asked.query },
    })),
    { ...ENQUEUER, reads: true },
  ),
  guarded("a campaign's action", 'POST', '/api/campaigns', query(campaigns.actionQuery), ENQUEUER),
  guarded("a campaign's status", 'GET', '/api/campaigns', query(campaigns.statusQuery), ENQUEUER),
  guarded('drafts', 'GET', '/api/drafts', query(drafts.draftsQuery), OPERATOR),
  guarded('a decision', 'POST', '/api/drafts', body(drafts.draftDecision), { ...OPERATOR }),
];

const waits = { ...ENQUEUER, before: IMPORT_WAITS };
const steering = [imports.cancelQuery, imports.pauseQuery, imports.resumeQuery, imports.undoQuery, imports.forgetQuery];
const reading = [imports.statusQuery, imports.previewQuery, imports.mappingsQuery];

/** Everything behind `/api/imports/`: the id of an import, an action on it, the number of a part. */
const below = fc
  .tuple(
    ids,
    fc.constantFrom(
      '',
      'preview',
      'errors',
      'kept',
      'warnings',
      'finish',
      'cancel',
      'pause',
      'resume',
      'undo',
      'confirm',
      'parts/1',
      'toString',
      'parts',
      'parts/1/2',
    ),
    file,
  )
  .map(([id, act, sent]) => ({ ...sent, params: { id, act } }));

const ofImports: readonly Entry[] = [
  guarded('an upload', 'POST', '/api/imports', both(query(imports.uploadQuery, upload), file), waits),
  guarded('a part', 'POST', '/api/imports', both(query(imports.partQuery, upload), file), waits),
  guarded(
    'a finished upload',
    'POST',
    '/api/imports',
    both(query(imports.finishQuery), body(imports.wholeFile)),
    waits,
  ),
  guarded(
    'a confirmation',
    'POST',
    '/api/imports',
    both(query(imports.confirmQuery), body(imports.confirmation, { country: 'AE', encoding: 'utf-8' })),
    waits,
  ),
  guarded(
    "an import's steering",
    'POST',
    '/api/imports',
    fc.oneof(...steering.map((schema: z.ZodType) => query(schema))),
    waits,
  ),
  guarded("an import's status", 'GET', '/api/imports', fc.oneof(...reading.map((schema) => query(schema))), waits),
  belowImports('GET'),
  belowImports('POST'),
];

/** An import by its path, whose action is a segment of its own. */
function belowImports(method: Method): Entry {
  const entry = guarded(`an import by its path, ${method}`, method, '/api/imports/*', below, waits);
  const send: Entry['send'] = ({ params = {}, ...asked }, key) => {
    const authorization = bearer('QUEUE_API_KEY', key);
    const path = `/api/imports/${encodeURIComponent(params.id?.toWellFormed() ?? '')}${params.act ? `/${params.act}` : ''}`;
    return toApi(method, path, asked, authorization === null ? {} : { authorization });
  };
  return { ...entry, send };
}

const handshake = z.strictObject({ 'hub.mode': z.literal('subscribe'), 'hub.challenge': z.string() });
const WRONG_TOKENS = ['none', 'empty', 'wrong', ...Object.keys(SECRETS)];

function token(secret: Secret, key: string): string | null {
  if (key === RIGHT) return SECRETS[secret];
  if (key === 'none') return null;
  if (key === 'empty') return '';
  return key === 'wrong' ? 'wrong-secret-0123456789' : SECRETS[key as Secret];
}

const webhooks: readonly Entry[] = [
  {
    name: "WhatsApp's handshake",
    place: 'GET /api/webhooks/whatsapp',
    asked: query(handshake, { id: null }),
    wrongKeys: WRONG_TOKENS.filter((key) => key !== 'WHATSAPP_VERIFY_TOKEN'),
    reads: true,
    send: (asked, key) => {
      const given = token('WHATSAPP_VERIFY_TOKEN', key);
      const query = { ...asked.query, ...(given !== null && { 'hub.verify_token': given }) };
      return toApi('GET', '/api/webhooks/whatsapp', { ...asked, query }, {});
    },
  },
  {
    name: "WhatsApp's webhook",
    place: 'POST /api/webhooks/whatsapp',
    asked: body(WebhookBody, { object: 'whatsapp_business_account' }),
    wrongKeys: ['none', 'empty', 'another body', 'another secret', 'cut', 'not hexadecimal'],
    send: (asked, key) => {
      const sent = bodyOf(asked) as string;
      const signed = (text: string, secret: string) =>
        `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`;
      const right = signed(sent, SECRETS.WHATSAPP_APP_SECRET);
      const signatures: Record<string, string> = {
        [RIGHT]: right,
        empty: '',
        'another body': signed(`${sent} `, SECRETS.WHATSAPP_APP_SECRET),
        'another secret': signed(sent, SECRETS.WHATSAPP_VERIFY_TOKEN),
        cut: right.slice(0, -2),
        'not hexadecimal': `sha256=${'g'.repeat(64)}`,
      };
      const signature = signatures[key];
      return toApi(
        'POST',
        '/api/webhooks/whatsapp',
        asked,
        signature === undefined ? {} : { 'x-hub-signature-256': signature },
      );
    },
  },
  {
    name: "a portal's event",
    place: 'POST /api/webhooks/bitrix24',
    asked: fc
      .record({
        event: fc.constantFrom('ONCRMLEADADD', 'ONCRMLEADDELETE', 'x'),
        id: fc.oneof(fc.stringMatching(/^\d{1,19}$/), hostileText),
        ts: hostileText,
      })
      .map(({ event, id, ts }) => ({ query: { event, 'data[FIELDS][ID]': id, ts } })),
    wrongKeys: WRONG_TOKENS.filter((key) => key !== 'BITRIX24_APPLICATION_TOKEN'),
    // What is no event, or none that was asked for, is refused or passed over before anybody looks at the token.
    isClosed: (outcome) => isShut(outcome) || outcome.status === 400 || outcome.text === '{"events":0}',
    send: ({ query }, key) => {
      const given = token('BITRIX24_APPLICATION_TOKEN', key);
      const sent = withQuery('https://x', { ...query, ...(given !== null && { 'auth[application_token]': given }) });
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      return toApi('POST', '/api/webhooks/bitrix24', { body: sent.search.slice(1), headers }, {});
    },
  },
];

export const ENDPOINTS: readonly Entry[] = [
  ...drains,
  ...ofTheQueue,
  ...ofTheApp,
  ...ofImports,
  ...webhooks,
  ...operators,
];
