/** The one way from a form to the queue: origin, operator, schema, one call, then the page that shows the effect. */

import { QueueError } from '@conversure/jobqueue';
import { HttpError, isRefusedByDatabase, requestDeadline } from '@conversure/jobqueue/next';
import { revalidatePath } from 'next/cache';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import type { z } from 'zod';
import { requireOperator } from './access.ts';
import { admitOrigin } from './auth/access.ts';
import type { ConsoleQueue, Setup } from './options.ts';
import { within } from './paths.ts';

/** The input of an action. */
export interface Call {
  readonly queue: ConsoleQueue;
  readonly setup: Setup;
  /** The person who acts, as the audit log names them. */
  readonly actor: string;
  /** When the request has to be over. */
  readonly deadline: Date;
}

/** The handler of a form of the console. */
export interface Action {
  /** Checks the role before it reads the form. */
  readonly act: (setup: Setup, form: FormData) => Promise<never>;
  /** The schema of its form. */
  readonly input: z.ZodType | ((setup: Setup) => z.ZodType);
}

interface ActionOptions<Schema extends z.ZodType> {
  /** The page with the form, shown again with the reason when the input is refused; its path may hang on what was sent. */
  readonly page: string | ((form: FormData) => string);
  readonly input: Schema | ((setup: Setup) => Schema);
  /** The action's name and details in the audit log. Left out if the called function writes its own line. */
  readonly audit?: (input: z.output<Schema>) => { readonly action: string; readonly details: object };
}

/** A form was refused; its page says why by this code. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: string;

  constructor(code: string) {
    super(`refused: ${code}`);
    this.code = code;
  }
}

/** An action of `run`, which gets the checked input and answers the path in the console to show next. For operators alone. */
export function operatorAction<Schema extends z.ZodType>(
  { page, input, audit }: ActionOptions<Schema>,
  run: (input: z.output<Schema>, call: Call) => Promise<string>,
): Action {
  return {
    input,
    async act(setup, form) {
      const deadline = requestDeadline(setup.maxDurationMs);
      const shown = typeof page === 'string' ? page : page(form);
      const next = await attempt(setup, shown, async () => {
        await requireOwnForm();
        const { name: actor } = await requireOperator(setup);
        const schema = typeof input === 'function' ? input(setup) : input;
        const checked = schema.safeParse(Object.fromEntries(form));
        if (!checked.success) throw new Refusal('request_invalid');
        const { queue } = setup;
        if (audit) await queue.audit({ actor, ...audit(checked.data) });
        return run(checked.data, { queue, setup, actor, deadline });
      });
      const path = within(setup.base, next);
      revalidatePath(path);
      redirect(path);
    },
  };
}

/** Refuses a form that another site sent. */
export async function requireOwnForm(): Promise<void> {
  admitOrigin(await headers());
}

/** Mistakes of the user are sent back as a code in the address. A message there could be anyone's words on our page. */
async function attempt({ log }: Setup, page: string, run: () => Promise<string>): Promise<string> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof QueueError) return `${refusedOn(page, error.code)}${placesOf(error)}`;
    if (error instanceof Refusal || error instanceof HttpError) return refusedOn(page, error.code);
    if (!isRefusedByDatabase(error)) throw error;
    log('error', 'action_refused_by_database', { error }); // Postgres said no to what was asked for rightly: nothing of it was done
    return refusedOn(page, 'database_refused');
  }
}

const refusedOn = (page: string, code: string) => `${page}${page.includes('?') ? '&' : '?'}refused=${code}`;

/** Paths of the invalid parts of a payload or option: names only, a few of them, and only names that code could have given. */
function placesOf({ issues }: QueueError): string {
  const paths = issues.map(({ path }) => path).filter((path) => /^[\w.[\]-]{1,80}$/.test(path));
  return paths.length === 0 ? '' : `&at=${encodeURIComponent([...new Set(paths)].slice(0, 5).join(','))}`;
}
