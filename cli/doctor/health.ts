/** The queue's own health checks, each with what to do about it. */
import type { Health } from '../../lib/jobqueue/index.ts';
import { type Finding, ok, red } from './finding.ts';

const MEND: Readonly<Record<string, string>> = {
  database: 'see whether the database runs, and whether this deployment may reach it',
  protocol: 'npx jobqueue migrate against that database',
  ticks:
    'on Vercel: vercel.json needs a cron for /api/cron/drain, CRON_SECRET must be set, and both take effect with a production deploy; elsewhere: have a scheduler call it each minute',
  oldest_due:
    'jobqueue stats: is it paused, without a handler, or more than ticks can do? Then jobqueue resume, deploy, or drain',
  dead_letters: 'jobqueue jobs --status DEAD_LETTER, mend the cause, jobqueue replay',
  retries: 'jobqueue tail shows the errors; jobqueue pause --type … while the remote system is down',
  run_time: 'jobqueue stats: a remote system may have become slow',
  deadlines: 'ticks end before the work does: raise maxDuration, or drain more often',
  unhandled: 'deploy the code that declares the type, or cancel its jobs',
  snapshot: 'end the transaction that it names: it keeps dead rows alive',
  sequences: 'select jobqueue.raise_sequences_1(); in that database, and after each restore or cut-over',
  guard: 'mend the cause, then jobqueue resume --type …',
};

export function healthFindings({ checks }: Health): Finding[] {
  return checks.map(({ name, ok: isOk, detail, value }) => {
    const called = name === 'ticks' ? 'cron' : name;
    // Before the first tick there is nothing late, but nothing has arrived either.
    if (name === 'ticks' && value === null) return red(called, 'no tick has arrived yet', MEND.ticks ?? '');
    return isOk ? ok(called, detail) : red(called, detail, MEND[name] ?? 'docs/health.md says what it means');
  });
}
