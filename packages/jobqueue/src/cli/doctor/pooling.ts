/** Checks that the app uses a pooler where it should, and migrations do not. */
import { parseDatabaseUrl } from '../../postgres/url.ts';
import { type Finding, ok, red, warn } from './finding.ts';

export function poolingFinding(env: { readonly url: string; readonly unpooled: string | undefined }): Finding {
  const { host } = parseDatabaseUrl(env.url);
  const isNeon = host.toLowerCase().endsWith('.neon.tech');
  const direct = env.unpooled ? parseDatabaseUrl(env.unpooled).host : null;
  if (direct !== null && isPooled(env.unpooled ?? ''))
    return red(
      'pooled URL',
      `DATABASE_URL_UNPOOLED is pooled too (${direct})`,
      'take the direct one: without -pooler in its host, or port 5432',
    );
  if (isPooled(env.url) && direct === null)
    return red(
      'pooled URL',
      'DATABASE_URL is pooled, and DATABASE_URL_UNPOOLED is not set: migrations cannot run',
      'set DATABASE_URL_UNPOOLED to the direct URL of the same database (on Neon without -pooler in the host)',
    );
  if (isNeon && !isPooled(env.url))
    return warn(
      'pooled URL',
      `DATABASE_URL is Neon's direct address (${host})`,
      'functions come and go by the hundred: use the pooled one, -pooler behind the first part of the host, and keep this as DATABASE_URL_UNPOOLED',
    );
  if (isNeon && direct !== null && direct !== host.replace('-pooler.', '.'))
    return warn(
      'pooled URL',
      `DATABASE_URL_UNPOOLED (${direct}) is another endpoint than DATABASE_URL (${host})`,
      'take both from one branch',
    );
  return ok(
    'pooled URL',
    isPooled(env.url) ? 'the app goes through the pooler, migrations go direct' : 'no pooler, none needed here',
  );
}

/** Neon's hosts end in -pooler; PgBouncer and Supavisor listen at 6543, or say so. */
function isPooled(url: string): boolean {
  const { hostname, port, searchParams } = new URL(url);
  return /^[^.]+-pooler\./.test(hostname) || port === '6543' || searchParams.get('pgbouncer') === 'true';
}
