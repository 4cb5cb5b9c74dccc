/** The one way from a form to the queue: operator, origin, schema, one call, then the page that shows the effect. */
import { revalidatePath } from 'next/cache';
import { redirect } from 'next/navigation';
import type { z } from 'zod';
import { parse } from '@/lib/http/body';
import { HttpError } from '@/lib/http/errors';
import { QueueError } from '@/lib/jobqueue/errors';
import { requireOperator, requireOwnForm } from './operator';

interface ActionOptions<Schema extends z.ZodType> {
  /** The page with the form, shown again with the reason when the input is refused; its path may hang on what was sent. */
  readonly page: string | ((form: FormData) => string);
  readonly input: Schema;
}

/** Makes a server action of `run`, which gets the checked input and answers the path to show next. */
export function action<Schema extends z.ZodType>(
  { page, input }: ActionOptions<Schema>,
  run: (input: z.output<Schema>) => Promise<string>,
): (form: FormData) => Promise<never> {
  return async (form) => {
    await requireOperator();
    await requireOwnForm();
    const shown = typeof page === 'string' ? page : page(form);
    const next = await attempt(shown, async () => run(parse(input, Object.fromEntries(form), 'form')));
    revalidatePath(next);
    redirect(next);
  };
}

/** What the user got wrong travels as its code: a message in an address could be anyone's words on our page. */
async function attempt(page: string, run: () => Promise<string>): Promise<string> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof HttpError || error instanceof QueueError) return `${page}?refused=${error.code}`;
    throw error;
  }
}
