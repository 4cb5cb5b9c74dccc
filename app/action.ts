/** The one way from a form to the queue: operator, origin, schema, one call, then the page that shows the effect. */
import { revalidatePath } from 'next/cache';
import { redirect } from 'next/navigation';
import type { z } from 'zod';
import { parse } from '@/lib/http/body';
import { HttpError, isRefusedByDatabase } from '@/lib/http/errors';
import { QueueError } from '@/lib/jobqueue/errors';
import { log } from '@/lib/log';
import { queue } from '@/lib/queue';
import { requireOperator, requireOwnForm } from './operator';

/** Who acts, as the audit log will know them. */
export interface Actor {
  readonly actor: string;
}

interface ActionOptions<Schema extends z.ZodType> {
  /** The page with the form, shown again with the reason when the input is refused; its path may hang on what was sent. */
  readonly page: string | ((form: FormData) => string);
  readonly input: Schema;
  /** What the audit log calls it and keeps of it. Left out where the call behind the action writes its own line. */
  readonly audit?: (input: z.output<Schema>) => { readonly action: string; readonly details: object };
}

/** Makes a server action of `run`, which gets the checked input and answers the path to show next. */
export function action<Schema extends z.ZodType>(
  { page, input, audit }: ActionOptions<Schema>,
  run: (input: z.output<Schema>, by: Actor) => Promise<string>,
): (form: FormData) => Promise<never> {
  return async (form) => {
    const shown = typeof page === 'string' ? page : page(form);
    const next = await attempt(shown, async () => {
      await requireOwnForm();
      const { name: actor } = await requireOperator();
      const checked = parse(input, Object.fromEntries(form), 'form');
      if (audit) await queue.audit({ actor, ...audit(checked) });
      return run(checked, { actor });
    });
    revalidatePath(next);
    redirect(next);
  };
}

/** What the user got wrong travels as its code: a message in an address could be anyone's words on our page. */
async function attempt(page: string, run: () => Promise<string>): Promise<string> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof HttpError || error instanceof QueueError)
      return `${refusedOn(page, error.code)}${error instanceof QueueError ? placesOf(error) : ''}`;
    if (!isRefusedByDatabase(error)) throw error;
    log.error({ error }, 'action_refused_by_database');
    return refusedOn(page, 'database_refused');
  }
}

const refusedOn = (page: string, code: string) => `${page}${page.includes('?') ? '&' : '?'}refused=${code}`;

/** Which parts of a payload or option were meant: names alone, a few, and only such as code could have given. */
function placesOf({ issues }: QueueError): string {
  const paths = issues.map(({ path }) => path).filter((path) => /^[\w.[\]-]{1,80}$/.test(path));
  return paths.length === 0 ? '' : `&at=${encodeURIComponent([...new Set(paths)].slice(0, 5).join(','))}`;
}
