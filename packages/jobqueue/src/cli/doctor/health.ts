/** The queue's own health checks, each with what to do about it. */
import type { Health } from '../../index.ts';
import { type Finding, ok, red } from './finding.ts';

const FIRST_TICK =
  'on Vercel: vercel.json needs a cron for /api/cron/drain, CRON_SECRET must be set, and both take effect with a production deploy; elsewhere: have a scheduler call it each minute';

export function healthFindings({ checks }: Health): Finding[] {
  return checks.map(({ name, ok: isOk, detail, next, value }) => {
    const mend = next ?? 'deploy the current version, which says what to do'; // an older one does not
    const called = name === 'ticks' ? 'cron' : name;
    // Before the first tick there is nothing late, but nothing has arrived either.
    if (name === 'ticks' && value === null) return red(called, 'no tick has arrived yet', FIRST_TICK);
    return isOk ? ok(called, detail) : red(called, detail, mend);
  });
}
