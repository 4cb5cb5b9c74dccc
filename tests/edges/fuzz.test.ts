/**
 * Thousands of odd requests to every way into the app: endpoints, webhooks, pages and server actions. `npm run fuzz -- --cases 100000 --seed 1`
 * sends more of them; docs/security.md says what each property defends.
 */

import './fuzz/environment.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import fc from '../support/property.ts';
import { ALL_ACTIONS } from './fuzz/actions.ts';
import { ENDPOINTS } from './fuzz/endpoints.ts';
import { type Entry, type Outcome, RIGHT } from './fuzz/entry.ts';
import { SECRETS } from './fuzz/environment.ts';
import { MOST_HELD_MS } from './fuzz/held.ts';
import { ALL_PAGES } from './fuzz/pages.ts';
import { LEADING_TO_OTHERS, placesInTheTree, routesMounted, routesOfThePackage } from './fuzz/places.ts';
import { noteCases, noteKept } from './fuzz/progress.ts';
import { type Case, check } from './fuzz/properties.ts';
import { reachableBytes } from './fuzz/reachable.ts';
import { endless } from './fuzz/streams.ts';
import { atTheProxy, headersOf, ORIGIN } from './fuzz/visitor.ts';
import { CONFIDENTIAL, IMPORT_WAITS, makeWorld, type World } from './fuzz/world.ts';

/** So many in CI. */
const CASES = Number(process.env.FUZZ_CASES ?? 3_000);
const ENTRIES: readonly Entry[] = [...ENDPOINTS, ...ALL_PAGES, ...ALL_ACTIONS];

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world?.close());

test('nothing in the file tree is left out', () => {
  const fuzzed = new Set(ENTRIES.map(({ place }) => place));
  const places = placesInTheTree();
  expect(places.filter((place) => !fuzzed.has(place) && !LEADING_TO_OTHERS.includes(place))).toEqual([]);
  expect(new Set(routesOfThePackage())).toEqual(new Set(routesMounted()));
  expect([...fuzzed].filter((place) => !places.includes(place)).sort()).toEqual([
    'screen /login',
    'screen /no-such-page',
  ]);
});

/** One in five comes with a key that must not open. */
const caseOf = ({ asked, wrongKeys }: Entry) =>
  fc.record<Case>({
    asked,
    key:
      wrongKeys.length === 0
        ? fc.constant(RIGHT)
        : fc.oneof(
            { weight: 4, arbitrary: fc.constant(RIGHT) },
            { weight: 1, arbitrary: fc.constantFrom(...wrongKeys) },
          ),
  });

const shares = ENTRIES.reduce((sum, { slow = 1 }) => sum + 1 / slow, 0);
let heapBefore = 0;

describe('every property holds for', () => {
  test.each(ENTRIES.map((entry) => [entry.name, entry] as const))(
    '%s',
    async (_, entry) => {
      const numRuns = Math.ceil(CASES / shares / (entry.slow ?? 1));
      await entry.send(fc.sample(entry.asked, { numRuns: 1, seed: 1 })[0] ?? {}, RIGHT); // loads what it needs
      await world.pause();
      await fc.assert(
        fc.asyncProperty(caseOf(entry), async (drawn) => {
          await check(world, entry, drawn);
        }),
        { numRuns },
      );
      noteCases(numRuns, CASES);
      heapBefore ||= reachableBytes();
    },
    30_000 + CASES * 20,
  );

  test('memory, which is bounded', () => {
    const kept = reachableBytes() - heapBefore;
    noteKept(kept);
    expect(kept).toBeLessThan(MOST_KEPT_BYTES);
  });
});

/** What modules, compiled schemas and caches of formats add; a request that kept its body would add more in 3,000 cases. */
const MOST_KEPT_BYTES = 128 * 1024 * 1024;

describe('the check itself finds', () => {
  const planted = (send: Entry['send'], more: Partial<Entry> = {}): Entry => ({
    name: 'planted',
    place: 'planted',
    asked: fc.constant({}),
    wrongKeys: ['a wrong one'],
    send,
    ...more,
  });
  const answer = (status: number, text = ''): Outcome => ({ status, text, isRefused: status >= 400 });
  const write = () =>
    world.sql.query("set fuzz.quiet = off; update companies set name = name where id = 'co2'; set fuzz.quiet = on");
  const checked = (entry: Entry, key = RIGHT) => check(world, entry, { asked: {}, key });

  test('nothing in a handler that does right', async () => {
    await checked(planted(async (_, key) => answer(key === RIGHT ? 200 : 401)));
    await checked(
      planted(async (_, key) => answer(key === RIGHT ? 200 : 401)),
      'a wrong one',
    );
  });
  test('a fault', async () => {
    await expect(checked(planted(async () => answer(500, 'internal')))).rejects.toThrow('bad input answered 500');
  });
  test('an open door', async () => {
    await expect(
      checked(
        planted(async () => answer(200)),
        'a wrong one',
      ),
    ).rejects.toThrow("the key 'a wrong one' answered 200");
  });
  test('a refusal that shows what is in the database', async () => {
    const telling = planted(async () => answer(401, CONFIDENTIAL));
    await expect(checked(telling, 'a wrong one')).rejects.toThrow('was shown what is in the database');
  });
  test('a partial write, and a question that writes', async () => {
    const refusing = planted(async () => {
      await write();
      return answer(400);
    });
    await expect(checked(refusing)).rejects.toThrow('wrote public.companies and answered 400');
    const reading = planted(
      async () => {
        await write();
        return answer(200);
      },
      { reads: true },
    );
    await expect(checked(reading)).rejects.toThrow('wrote public.companies and answered 200');
  });
  test('no partial write in one that was rolled back', async () => {
    const rolledBack = planted(async () => {
      await world.sql.query(
        "begin; set local fuzz.quiet = off; update companies set name = name where id = 'co2'; rollback",
      );
      return answer(400);
    });
    await checked(rolledBack);
  });
  test('a request that holds the event loop', async () => {
    const compute = () => {
      const { user, system } = process.cpuUsage();
      while ((process.cpuUsage().user + process.cpuUsage().system - user - system) / 1_000 < MOST_HELD_MS * 1.1);
      return answer(200);
    };
    await expect(checked(planted(async () => compute()))).rejects.toThrow('held the event loop');
  });
  test('what is kept', () => {
    const before = reachableBytes();
    const kept = Buffer.alloc(MOST_KEPT_BYTES * 1.2);
    expect(reachableBytes() - before).toBeGreaterThan(MOST_KEPT_BYTES);
    expect(kept.length).toBeGreaterThan(0);
  });
});

describe('a body without an end', () => {
  const posts = ENDPOINTS.filter(({ place }) => place.startsWith('POST '));
  const paths = [...new Map(posts.map(({ place, secret }) => [place.slice('POST '.length), secret]))];
  /** An address at which the body is read. */
  const addressOf = (path: string) =>
    path.replace('/*', '/import-1/parts/1') + (path === '/api/imports' ? '?companyId=co1' : '');
  const post = async (path: string, headers: Record<string, string>) => {
    const { POST } = await import('../../app/api/route.local.ts');
    const { body, ...sent } = endless();
    const init = { method: 'POST', body, duplex: 'half', headers: { 'content-type': typeOf(path), ...headers } };
    const { status } = await POST(new Request(`${ORIGIN}${addressOf(path)}`, init as RequestInit));
    return { status, taken: sent.taken(), isLeft: sent.taken() === 0 || sent.isCancelled() };
  };
  const typeOf = (path: string) => (path.startsWith('/api/imports') ? 'text/csv' : 'application/json');
  const READS_NONE = ['/api/cron/drain'];

  test.each(paths)(
    'to %s is refused at the limit, and before a byte of it is read if the sender says its length',
    async (path, secret) => {
      const right = secret === undefined ? {} : { authorization: `Bearer ${SECRETS[secret]}` };
      const refused = READS_NONE.includes(path) ? 200 : 413;
      const silent = await post(path, right);
      expect(silent).toMatchObject({ status: refused, isLeft: true });
      expect(silent.taken).toBeLessThanOrEqual(4.5 * 1024 * 1024);
      const lying = await post(path, { ...right, 'content-length': '5' });
      expect(lying).toEqual(silent);
      expect(await post(path, { ...right, 'content-length': String(2 ** 40) })).toMatchObject({
        status: refused,
        taken: 0,
      });
      if (secret !== undefined)
        expect(await post(path, { authorization: 'Bearer x' })).toMatchObject({ status: 401, taken: 0 });
    },
  );

  const form = async (path: string, headers: Record<string, string>) => {
    const { body, ...sent } = endless();
    const init = {
      method: 'POST',
      body,
      duplex: 'half',
      headers: { 'content-type': 'multipart/form-data; boundary=x', ...headers },
    };
    const stopped = await atTheProxy(`${ORIGIN}${path}`, init as RequestInit);
    return { status: stopped?.status, taken: sent.taken() };
  };

  test('in a form is refused at the limit, of strangers and foreign pages before a byte of it is read', async () => {
    const operator = { ...headersOf(RIGHT), origin: ORIGIN };
    const stranger = { ...headersOf('a stranger'), origin: ORIGIN };
    const MIB = 1024 * 1024;
    const [page, login] = [await form('/', operator), await form('/login', stranger)];
    expect([page.status, login.status]).toEqual([413, 413]);
    expect(page.taken).toBeLessThanOrEqual(4.5 * MIB);
    expect(login.taken).toBeLessThanOrEqual(128 * 1024);
    expect(await form('/', stranger)).toEqual({ status: 401, taken: 0 });
    expect(await form('/login', { ...stranger, origin: 'https://other.example' })).toEqual({ status: 403, taken: 0 });
    expect(await form('/', { ...operator, 'content-length': String(2 ** 40) })).toEqual({ status: 303, taken: 0 });
  });
});

test('an operator is shown what strangers must not see, however many companies the cases made', async () => {
  await world.sql.query(
    "insert into companies (id, name) select n::text, 'x' from generate_series(1, 60) n on conflict do nothing",
  );
  const shows = ['the page /companies', 'companies', "a job's payload", 'the screen /jobs/[id]'];
  for (const name of shows) {
    const entry = ENTRIES.find((one) => one.name === name) as Entry;
    const { text } = await entry.send(
      { query: name === 'companies' ? {} : { id: '1', payload: 'true' }, params: { id: '1' } },
      RIGHT,
    );
    expect([name, text.includes(CONFIDENTIAL)]).toEqual([name, true]);
  }
});

test('the page of an import whose file is gone since its row was read shows the import', async () => {
  const page = ENTRIES.find(({ name }) => name === 'the page /imports/[id]') as Entry;
  const look = async () => (await page.send({ params: { id: 'import-1' }, query: {} }, RIGHT)).status;
  await world.sql.query(IMPORT_WAITS);
  expect(await look()).toBe(200);
  await world.sql.query("delete from import_parts where import_id = 'import-1'");
  expect(await look()).toBe(200);
});
