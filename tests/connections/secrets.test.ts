/** Companies' secrets at rest: encrypted, bound to their row, re-encrypted beside a running app, and never replaced by another's. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { text as read } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { candidates } from '../../lib/ai/ai-generation/accounts.ts';
import { pauseConnection, readPause, resumeConnection } from '../../lib/connections/connection.ts';
import { crmOf } from '../../lib/crm/settings.ts';
import { companyOfToken } from '../../lib/crm/webhook.ts';
import { log } from '../../lib/log.ts';
import { whatsAppAccount } from '../../lib/providers/whatsapp.ts';
import { secretsKeys } from '../../lib/secrets/environment.ts';
import { SECRET_FIELDS, type SecretField } from '../../lib/secrets/fields.ts';
import { countStale, resealSecrets } from '../../lib/secrets/reseal.ts';
import { openSecret, sealSecret } from '../../lib/secrets/seal.ts';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { describeEachDriver } from '../support/drivers.ts';

const OLD = randomBytes(32).toString('base64url');
const NEW = randomBytes(32).toString('hex');
const WEBHOOK = 'https://acme.bitrix24.com/rest/1/secret-of-the-webhook/';
const FIELDS = Object.keys(SECRET_FIELDS) as SecretField[];

beforeEach(() => {
  vi.stubEnv('SECRETS_KEY', OLD);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a sealed secret', () => {
  test('opens again, is another text each time, and shows nothing of what it holds', () => {
    for (const secret of [WEBHOOK, 'EAAG', '', 'كلمة السر 🔑', 'x'.repeat(10_000)]) {
      const sealed = sealSecret('crm.webhookUrl', 'acme', secret);
      expect(sealed).toMatch(/^enc1:[0-9a-f]{8}:[\w-]+$/);
      expect(sealSecret('crm.webhookUrl', 'acme', secret)).not.toBe(sealed);
      expect(openSecret('crm.webhookUrl', 'acme', sealed)).toBe(secret);
    }
  });

  test('opens in no other company and no other column, and not with a bit changed', () => {
    const sealed = sealSecret('ai.apiKey', 'acme', 'sk-secret-of-acme');
    const damaged = `${sealed.slice(0, -1)}${sealed.endsWith('A') ? 'B' : 'A'}`;
    for (const [field, companyId, stored] of [
      ['ai.apiKey', 'other', sealed],
      ['ai.fallbackApiKey', 'acme', sealed],
      ['ai.apiKey', 'acme', damaged],
      ['ai.apiKey', 'acme', sealed.slice(0, -8)],
      ['ai.apiKey', 'acme', sealed.slice(0, 20)],
      ['ai.apiKey', 'acme', `${sealed}=`],
    ] as const)
      expect(() => openSecret(field, companyId, stored)).toThrow(
        expect.objectContaining({ code: 'secret_unreadable', message: expect.not.stringContaining('sk-secret') }),
      );
  });

  test('names the setting where its key is missing, unknown or malformed', () => {
    const sealed = sealSecret('whatsapp.accessToken', 'acme', 'EAAG');
    const id = secretsKeys()[0].id;
    vi.stubEnv('SECRETS_KEY', NEW);
    expect(() => openSecret('whatsapp.accessToken', 'acme', sealed)).toThrow(
      `company_settings.whatsapp_access_token of company acme was encrypted with key ${id}, and SECRETS_KEY holds ${secretsKeys()[0].id}`,
    );
    vi.stubEnv('SECRETS_KEY', `${NEW},${OLD}`);
    expect(openSecret('whatsapp.accessToken', 'acme', sealed)).toBe('EAAG');
    expect(sealSecret('whatsapp.accessToken', 'acme', 'EAAG')).toContain(secretsKeys(NEW)[0].id);
    vi.stubEnv('SECRETS_KEY', '');
    expect(() => openSecret('whatsapp.accessToken', 'acme', sealed)).toThrow(/^SECRETS_KEY is not set/);
    expect(() => sealSecret('whatsapp.accessToken', 'acme', 'EAAG')).toThrow(/^SECRETS_KEY is not set/);
    vi.stubEnv('SECRETS_KEY', `${NEW} ${OLD.slice(1)}`);
    expect(() => sealSecret('whatsapp.accessToken', 'acme', 'EAAG')).toThrow(/key 2 has 42 characters/);
  });
});

describeEachDriver("companies' secrets", (setup) => {
  const sql = (text: string, ...params: unknown[]) => setup.database.execute({ text, params });
  const stored = async (field: SecretField, companyId: string) => {
    const { table, column } = SECRET_FIELDS[field];
    const [row] = await sql(`select ${column} as value from ${table} where company_id = $1`, companyId);
    return String(row?.value);
  };

  beforeEach(async () => {
    vi.spyOn(log, 'error').mockReturnValue();
    await sql("insert into companies (id, name) select 'c' || i, 'C' || i from generate_series(10, 34) i");
    await sql(
      "insert into company_settings (company_id, whatsapp_phone_number_id, whatsapp_access_token) select id, 'n' || id, 'EAAG-' || id from companies",
    );
    await sql(
      `insert into crm_settings (company_id, webhook_url, application_token)
       select id, 'https://' || id || '.bitrix24.com/rest/1/secret-' || id, 'token-of-the-portal-' || id from companies`,
    );
    await sql(
      `insert into ai_settings (company_id, provider, api_key, fallback_provider, fallback_api_key)
       select id, 'openai', 'sk-' || id, 'google', 'AIza-' || id from companies`,
    );
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const table of ['connections', 'company_settings', 'crm_settings', 'ai_settings', 'companies'])
      await sql(`delete from ${table}`);
  });

  test('plain rows are encrypted in batches, go on working, and a second run has nothing to do', async () => {
    expect(await resealSecrets(setup.database, { batch: 10 })).toEqual({ sealed: 125, unreadable: [] });
    for (const field of FIELDS) expect(await stored(field, 'c12')).toMatch(/^(enc1:[0-9a-f]{8}:|sha256:)/);
    expect(await resealSecrets(setup.database, { batch: 10 })).toEqual({ sealed: 0, unreadable: [] });
    expect(await countStale(setup.database, secretsKeys()[0])).toEqual({});
    expect(await whatsAppAccount(setup.database, 'c12')).toMatchObject({ accessToken: 'EAAG-c12' });
    expect(await crmOf(setup.database, 'c12')).toMatchObject({ bucket: 'bitrix24:c12.bitrix24.com' });
    expect(await companyOfToken(setup.database, 'token-of-the-portal-c12', [])).toBe('c12');
    expect(await companyOfToken(setup.database, await stored('crm.applicationToken', 'c12'), [])).toBeNull();
  });

  test('a rotation re-encrypts what the old key encrypted, and the old key is not needed any more', async () => {
    await resealSecrets(setup.database);
    vi.stubEnv('SECRETS_KEY', `${NEW},${OLD}`);
    expect(await resealSecrets(setup.database)).toEqual({ sealed: 100, unreadable: [] });
    vi.stubEnv('SECRETS_KEY', NEW);
    expect(await whatsAppAccount(setup.database, 'c34')).toMatchObject({ accessToken: 'EAAG-c34' });
    expect(await companyOfToken(setup.database, 'token-of-the-portal-c34', [])).toBe('c34');
  });

  test('a secret that was changed while it was re-encrypted stays as it was changed', async () => {
    const changed = sealSecret('ai.apiKey', 'c20', 'sk-entered-meanwhile', secretsKeys(OLD));
    vi.stubEnv('SECRETS_KEY', `${NEW},${OLD}`);
    let isChanged = false;
    const busy: Pick<Database, 'execute'> = {
      execute: async (statement) => {
        if (statement.text.includes('update ai_settings') && !isChanged) {
          isChanged = true;
          await sql("update ai_settings set api_key = $1 where company_id = 'c20'", changed);
        }
        return setup.database.execute(statement);
      },
    };
    expect(await resealSecrets(busy)).toEqual({ sealed: 124, unreadable: [] });
    expect(await stored('ai.apiKey', 'c20')).toBe(changed);
    expect(await resealSecrets(setup.database)).toEqual({ sealed: 1, unreadable: [] });
    expect(openSecret('ai.apiKey', 'c20', await stored('ai.apiKey', 'c20'))).toBe('sk-entered-meanwhile');
  });

  test('one that no key opens is named and left as it is; all others are re-encrypted', async () => {
    await resealSecrets(setup.database);
    const [row] = await sql("select api_key from ai_settings where company_id = 'c11'");
    await sql("update ai_settings set api_key = $1 where company_id = 'c12'", row?.api_key);
    vi.stubEnv('SECRETS_KEY', `${NEW},${OLD}`);
    const { sealed, unreadable } = await resealSecrets(setup.database, { batch: 5 });
    expect([sealed, unreadable]).toEqual([99, [expect.stringContaining('ai_settings.api_key of company c12')]]);
    expect(await stored('ai.apiKey', 'c12')).toBe(row?.api_key);
  });

  test('without its key each connection is paused with the reason, and no other credential takes its place', async () => {
    await resealSecrets(setup.database);
    vi.stubEnv('SECRETS_KEY', '');
    vi.stubEnv('WHATSAPP_ACCESS_TOKEN', 'token-of-the-deployment');
    vi.stubEnv('BITRIX24_WEBHOOK_URL', 'https://deployment.bitrix24.com/rest/1/x');
    vi.stubEnv('OPENAI_API_KEY', 'sk-of-the-deployment');
    expect(await whatsAppAccount(setup.database, 'c10')).toBeNull();
    expect(await crmOf(setup.database, 'c10')).toBe('paused');
    const choice = {
      provider: 'openai',
      model: null,
      baseUrl: null,
      apiKey: await stored('ai.apiKey', 'c10'),
    } as const;
    expect(await candidates(setup.database, 'c10', { primary: choice, fallback: null } as never)).toEqual([]);
    for (const provider of ['whatsapp', 'bitrix24', 'ai'] as const)
      expect(await readPause(setup.database, { companyId: 'c10', provider })).toMatchObject({
        code: 'secrets_key_missing',
        reason: expect.stringMatching(/^SECRETS_KEY is not set/),
      });
    vi.stubEnv('SECRETS_KEY', OLD);
    await resumeConnection(setup.database, { companyId: 'c10', provider: 'bitrix24' });
    expect(await crmOf(setup.database, 'c10')).toMatchObject({ bucket: 'bitrix24:c10.bitrix24.com' });
    await pauseConnection(setup.database, { companyId: 'c10', provider: 'bitrix24' }, { code: 'x', reason: 'x' });
    expect(await crmOf(setup.database, 'c10')).toBe('paused');
  });
});

describe('the script', () => {
  let fresh: TestDatabase;
  let database: Database;
  const script = fileURLToPath(new URL('../../scripts/seal-secrets.ts', import.meta.url));
  function start(SECRETS_KEY: string) {
    const env = { ...process.env, DATABASE_URL: fresh.url, DATABASE_URL_UNPOOLED: '', SECRETS_KEY };
    const child = spawn(process.execPath, ['--import', 'tsx', script], { env });
    const ended = Promise.all([once(child, 'close'), read(child.stdout), read(child.stderr)]);
    return { child, ended: ended.then(([[code], out, err]) => ({ code, out, err })) };
  }
  const keysLike = async (prefix: string) => {
    const [row] = await database.execute<{ n: number }>({
      text: 'select count(*)::int as n from ai_settings where starts_with(api_key, $1)',
      params: [prefix],
    });
    return row?.n ?? 0;
  };
  /** A statement of a killed process goes on in the server until it ends. */
  const untilAlone = () =>
    vi.waitFor(async () => {
      const text = `select query from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid() and state = 'active'`;
      expect(await database.execute({ text, params: [] })).toEqual([]);
    });

  beforeAll(async () => {
    fresh = await freshDatabase();
    database = connect(fresh.url);
    await database.execute({
      text: "insert into companies (id, name) select 'c' || i, 'C' from generate_series(1000, 1999) i",
      params: [],
    });
    await database.execute({
      text: "insert into ai_settings (company_id, provider, api_key) select id, 'openai', 'sk-' || id from companies",
      params: [],
    });
  });
  afterAll(async () => {
    await database.close();
    await fresh.drop();
  });

  test('killed in the middle it leaves every secret whole, and the next run finishes', async () => {
    // The rows of its third batch are held, so the run stands still there.
    await database.transaction(async (tx) => {
      await tx.execute({ text: "select 1 from ai_settings where company_id >= 'c1500' for update", params: [] });
      const { child, ended } = start(OLD);
      await vi.waitFor(async () => expect(await keysLike('enc1:')).toBe(400), { timeout: 25_000, interval: 20 });
      child.kill('SIGKILL');
      await ended;
    });
    await untilAlone();
    const left = await keysLike('sk-');
    expect([400, 600]).toContain(left);
    const { code, out } = await start(OLD).ended;
    expect([code, out]).toEqual([0, expect.stringContaining(`: ${left} secrets were encrypted`)]);
    expect(await keysLike('enc1:')).toBe(1_000);
    const rotated = await start(`${NEW},${OLD}`).ended;
    expect([rotated.code, rotated.out]).toEqual([0, expect.stringContaining('1000 secrets were encrypted')]);
    expect(await keysLike(`enc1:${secretsKeys(NEW)[0].id}:`)).toBe(1_000);
  });

  test('names what no key opens, and ends with 1; without a key it does nothing', async () => {
    await database.execute({
      text: 'update ai_settings set api_key = $1 where company_id = $2',
      params: [sealSecret('ai.apiKey', 'c1000', 'sk-1', secretsKeys('7'.repeat(64))), 'c1000'],
    });
    const { code, err } = await start(`${NEW},${OLD}`).ended;
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('ai_settings.api_key of company c1000 was encrypted with key'),
    ]);
    const keyless = await start('').ended;
    expect([keyless.code, keyless.err]).toEqual([1, expect.stringMatching(/^\nSECRETS_KEY is not set/)]);
  });
});
