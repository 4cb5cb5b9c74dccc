/** What this is, where to go, and one button that shows an enqueue. */
import Link from 'next/link';
import { enqueueDemoJob } from './demoJob';
import { requireOperator } from './operator';
import { Refused } from './refused';

export default async function Home({ searchParams }: PageProps<'/'>) {
  await requireOperator();
  const { refused } = await searchParams;
  return (
    <>
      <h1>Conversure JobQueue</h1>
      <p>
        A job queue without a worker: jobs wait in Postgres, a cron tick drains a bounded batch and exits. See the{' '}
        <Link href="/jobs">latest jobs</Link> or <Link href="/imports">import leads</Link>.
      </p>
      <Refused code={refused} />
      <h2>Try it</h2>
      <form action={enqueueDemoJob}>
        <p>
          Enqueues one <code>ai_generation</code> job, due in a minute. Its idempotency key is always the same, so a
          second click adds nothing.
        </p>
        <button type="submit">Enqueue a demo job</button>
      </form>
    </>
  );
}
