/** The platform's settings agree with the code: vercel.json, next.config.ts and api/. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { GET } from '../../app/api/route.local.ts';
import { maxDurationMs } from '../../lib/config.ts';
import { log } from '../../lib/log.ts';

const vercel = z
  .object({
    framework: z.literal('nextjs'),
    buildCommand: z.literal('npm run deploy'),
    functions: z.record(z.string(), z.object({ maxDuration: z.number() })),
    rewrites: z.array(z.strictObject({ source: z.string(), destination: z.string() })),
    // The platform refuses any further key, a `timezone` for one.
    crons: z.array(z.strictObject({ path: z.string().startsWith('/api/'), schedule: z.string() })),
  })
  .parse(JSON.parse(readFileSync('vercel.json', 'utf8')));

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test('every cron meets an endpoint that answers GET, as crons ask, and is closed without its secret', async () => {
  vi.spyOn(log, 'error').mockReturnValue();
  vi.stubEnv('CRON_SECRET', undefined);
  for (const { path } of vercel.crons)
    expect((await GET(new Request(`https://queue.example${path}`))).status).toBe(503);
});

test('the paths that vercel.json leads to a function of several are those that it serves, each without a named parameter', async () => {
  vi.stubEnv('QUEUE_API_KEY', undefined);
  // Unknown paths go to a function that answers 404 to them. The rule is the last one, because it also matches all others.
  expect(vercel.rewrites.at(-1)).toEqual({ source: '/api/(.*)', destination: '/api/queue' });
  for (const { source, destination } of vercel.rewrites.slice(0, -1)) {
    expect(source).not.toContain(':'); // the platform would add it to the query, which is strict
    const [, before = '', names = ''] = /^(.*)\(([\w|/-]+)\)$/.exec(source) ?? [];
    const served = readFileSync(`${destination.slice(1)}.ts`, 'utf8').matchAll(/'(\/api\/[^']+)': /g);
    const paths = [...served].map(([, path]) => path);
    if (source.endsWith('/(.+)')) expect(paths).toContain(source.replace('(.+)', '*'));
    else
      expect(paths.filter((path) => !path?.endsWith('/*')).sort()).toEqual(
        names.split('|').map((name) => before + name),
      );
  }
});

test('a drain never plans beyond what the function may run', () => {
  for (const { maxDuration } of Object.values(vercel.functions))
    expect(maxDurationMs()).toBeLessThanOrEqual(maxDuration * 1000);
});

test('a duration that makes no sense is refused by its name', () => {
  vi.stubEnv('JOBQUEUE_MAX_DURATION', '5m');
  expect(maxDurationMs).toThrow('JOBQUEUE_MAX_DURATION');
});

test.each([
  ['a platform build has no local dispatcher', '1', false],
  ['a self-hosted build has the local dispatcher', undefined, true],
])('%s', async (_, value, expected) => {
  vi.stubEnv('VERCEL', value);
  vi.resetModules();
  const { default: config } = await import('../../next.config.ts');
  expect(config.pageExtensions?.includes('local.ts')).toBe(expected);
});
