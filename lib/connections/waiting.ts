/** The jobs of a connection that wait, as while it is paused: how many, and when they come. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Connection, Provider } from './provider.ts';

const TYPES: Readonly<Record<Provider, readonly string[]>> = {
  whatsapp: ['message_send', 'campaign_send'],
  bitrix24: ['crm_sync', 'crm_event'],
  ai: ['ai_generation'],
};

/** Rows of other companies are looked at too; so many take some 100 ms. */
const MOST_LOOKED_AT = 100_000;

export interface WaitingJobs {
  readonly jobs: number;
  /** The first and the last due time, ISO 8601; null if none waits. Between them they are spread as they were put off. */
  readonly firstAt: string | null;
  readonly lastAt: string | null;
}

/** Counts the jobs of the company that are due later, at most those among the next 100,000 of their types. */
export async function waitingJobs(database: Executor, { companyId, provider }: Connection): Promise<WaitingJobs> {
  const [row] = await database.execute<WaitingJobs>({
    text: `
      select count(*)::int as jobs, to_json(min(due_at)) as "firstAt", to_json(max(due_at)) as "lastAt"
      from (
        select j.payload, j.due_at from jobqueue.jobs j
        where j.type in (select jsonb_array_elements_text($2::jsonb)) and j.due_at > now()
        order by j.due_at
        limit ${MOST_LOOKED_AT}
      ) later
      where payload ->> 'companyId' = $1`,
    params: [companyId, JSON.stringify(TYPES[provider])],
  });
  return row as WaitingJobs;
}
