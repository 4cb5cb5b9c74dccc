/** One button that shows an enqueue, as Conversure's own call sites do it: for operators, at the end of the overview. */
import type { OwnScreenProps } from '@conversure/jobqueue-console';
import { enqueueDemoJob } from './demo-job';

export function Try({ session: { role } }: OwnScreenProps) {
  if (role !== 'operator') return null;
  return (
    <details className="soft">
      <summary>Try it</summary>
      <form action={enqueueDemoJob} className="mt-2 grid justify-items-start gap-2">
        <p>
          Enqueues one <code>ai_generation</code> job, due in a minute. Its company does not exist, so it becomes a dead
          letter that says so. Its idempotency key is fixed, so a second click adds nothing.
        </p>
        <button type="submit">Enqueue a demo job</button>
      </form>
    </details>
  );
}
