/** The console's user where the host signs people in, and the paths of a console that is not at the root. */
import type { Log } from '@conversure/jobqueue';
import { expect, test, vi } from 'vitest';
import { queue } from '../../lib/queue/index.ts';
import { sessionFor } from '../../packages/console/src/access.ts';
import { admittedOperator } from '../../packages/console/src/auth/access.ts';
import type { ConsoleOptions } from '../../packages/console/src/options.ts';
import { inside, within } from '../../packages/console/src/paths.ts';
import { setupOf } from '../../packages/console/src/setup.tsx';

const asked = new Headers({ cookie: 'host-session=ann' });
const hosted = (authorize: unknown, log: Log = () => {}) =>
  setupOf({ queue, authorize: authorize as NonNullable<ConsoleOptions['authorize']>, log });

test('the host is asked with the headers of the request, and its user may act as the role says', async () => {
  const authorize = vi.fn(async () => ({ role: 'operator', name: 'ann' }));
  const session = await sessionFor(hosted(authorize), asked);
  expect(authorize).toHaveBeenCalledExactlyOnceWith(asked);
  expect(admittedOperator(session)).toMatchObject({ role: 'operator', name: 'ann' });
});

test('a viewer of the host looks and does not act, a stranger does neither', async () => {
  const viewer = await sessionFor(
    hosted(() => ({ role: 'viewer', name: 'bob' })),
    asked,
  );
  expect(viewer).toMatchObject({ role: 'viewer', name: 'bob' });
  expect(() => admittedOperator(viewer)).toThrow(expect.objectContaining({ status: 403 }));
  const stranger = await sessionFor(
    hosted(() => null),
    asked,
  );
  expect(stranger).toBeNull();
  expect(() => admittedOperator(stranger)).toThrow(expect.objectContaining({ status: 401 }));
});

test.each([
  ['undefined, as a function that forgot to answer', undefined],
  ['true', true],
  ['a role that does not exist', { role: 'admin', name: 'ann' }],
  ['no name', { role: 'operator' }],
  ['an empty name', { role: 'operator', name: '' }],
  ['a name of 61 characters', { role: 'operator', name: 'a'.repeat(61) }],
])('%s is a stranger, and the log says what was expected', async (_, identity) => {
  const log = vi.fn<Log>();
  expect(
    await sessionFor(
      hosted(() => identity, log),
      asked,
    ),
  ).toBeNull();
  expect(log).toHaveBeenCalledExactlyOnceWith('error', 'console_authorize_invalid', expect.anything());
});

test('a host that fails lets nobody in', async () => {
  const failing = hosted(() => Promise.reject(new Error('the session store is down')));
  await expect(sessionFor(failing, asked)).rejects.toThrow('the session store is down');
});

test("a host's sign-in replaces the console's own: its secrets open nothing", async () => {
  vi.stubEnv('OPERATOR_SECRET', 'operator-secret-0123456789');
  const bearing = new Headers({ authorization: 'Bearer operator-secret-0123456789' });
  expect(
    await sessionFor(
      hosted(() => null),
      bearing,
    ),
  ).toBeNull();
  vi.unstubAllEnvs();
});

test.each(['jobqueue', '/jobqueue/', '//host', '/a b', '/jobs?x', ''])('the base path %j is refused', (basePath) => {
  expect(() => setupOf({ queue, basePath })).toThrow(TypeError);
});

test.each(['/', '/jobs', '/jobs?type=a', '/?refused=x', '/jobs/1#errors'])(
  '%s leads below the base path and back',
  (path) => {
    expect(within('/jobqueue', path)).toMatch(/^\/jobqueue/);
    expect(inside('/jobqueue', within('/jobqueue', path))).toBe(path);
    expect(within('', path)).toBe(path);
  },
);

test('an address outside of the base path is none of the console', () => {
  expect(inside('/jobqueue', '/jobqueues')).toBeNull();
  expect(inside('/jobqueue', '/')).toBeNull();
});
