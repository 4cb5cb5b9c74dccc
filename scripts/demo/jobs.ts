/** The jobs of the database, as the monitoring SQL of the README counts them. */
import type { Executor } from '@conversure/jobqueue/postgres';

export async function jobsByStatus(database: Executor): Promise<readonly (readonly [status: string, jobs: number])[]> {
  const rows = await database.execute<{ status: string; jobs: number }>({
    text: 'select status, count(*)::int as jobs from public."JobQueue" group by status order by status',
    params: [],
  });
  return rows.map(({ status, jobs }) => [status, jobs]);
}
