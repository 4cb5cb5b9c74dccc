/** The one way from a form to the queue: operator, origin, schema, one call, then the page that shows the effect. */

import { type OutputOf, QueueError, type StandardSchema } from '@conversure/jobqueue';
import { parse } from '@conversure/jobqueue/next';
import { database } from '@conversure/jobqueue/postgres';
import { admitOperator, admitOrigin } from '@conversure/jobqueue-console/auth';
import { revalidatePath } from 'next/cache';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { HttpError, isRefusedByDatabase } from '@/lib/http/errors';
import { keepForm } from '@/lib/kept-forms';
import { log } from '@/lib/log';
import { queue } from '@/lib/queue';

/** The person who acts, as the audit log names them. */
export interface Actor {
  readonly actor: string;
}

interface ActionOptions<Schema extends StandardSchema> {
  /** The page with the form, shown again with the reason when the input is refused; its path may hang on what was sent. */
  readonly page: string | ((form: FormData) => string);
  readonly input: Schema;
  /** The action's name and details in the audit log. Left out if the called function writes its own line. */
  readonly audit?: (input: OutputOf<Schema>) => { readonly action: string; readonly details: object };
  /** A refused form comes back as it was typed, each mistake beside its field; `secrets` names the fields that do not. */
  readonly keeps?: { readonly secrets: readonly string[] };
}

/** A server action, with the schema of its form. */
export interface FormAction<Schema extends StandardSchema> {
  (form: FormData): Promise<never>;
  readonly input: Schema;
}

/** Makes a server action of `run`, which gets the checked input and answers the path to show next. */
export function action<Schema extends StandardSchema>(
  { page, input, audit, keeps }: ActionOptions<Schema>,
  run: (input: OutputOf<Schema>, by: Actor) => Promise<string>,
): FormAction<Schema> {
  const act = async (form: FormData): Promise<never> => {
    const shown = typeof page === 'string' ? page : page(form);
    const check = async () => {
      const sender = await headers();
      admitOrigin(sender);
      const { name: actor } = admitOperator(sender);
      const took = async () => {
        const checked = parse(input, Object.fromEntries(form), 'form');
        if (audit) await queue.audit({ actor, ...audit(checked) });
        return run(checked, { actor });
      };
      return keeps ? took().catch(keepRefused(form, shown, { actor, ...keeps })) : took();
    };
    const next = await attempt(shown, check);
    revalidatePath(next);
    redirect(next);
  };
  return Object.assign(act, { input });
}

/** Mistakes of the user are sent back as a code in the address. A message there could be anyone's words on our page. */
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

/** The address names the kept form, whose message is ours: nobody can write it by an address. */
function keepRefused(
  form: FormData,
  page: string,
  { actor, secrets }: Actor & { readonly secrets: readonly string[] },
) {
  return async (error: unknown): Promise<string> => {
    if (!(error instanceof HttpError)) throw error;
    const { code, issues } = error;
    const message =
      code === 'request_invalid' ? 'Nothing was done: some fields are not what was expected.' : error.message;
    const kept = await keepForm(database(), {
      page: page.split('?')[0] ?? page,
      keptBy: actor,
      fields: typedIn(form, secrets),
      refusal: { code, message, issues },
    });
    return `${page}${page.includes('?') ? '&' : '?'}kept=${kept}`;
  };
}

/** The texts of a form by their names. React's own fields, files and secrets are left out. */
export function typedIn(form: FormData, secrets: readonly string[] = []): Record<string, string> {
  const texts = [...form].filter(
    (entry): entry is [string, string] =>
      typeof entry[1] === 'string' && /^[\w.-]{1,100}$/.test(entry[0]) && !secrets.includes(entry[0]),
  );
  return Object.fromEntries(texts);
}

const refusedOn = (page: string, code: string) => `${page}${page.includes('?') ? '&' : '?'}refused=${code}`;

/** Paths of the invalid parts of a payload or option: names only, a few of them, and only names that code could have given. */
function placesOf({ issues }: QueueError): string {
  const paths = issues.map(({ path }) => path).filter((path) => /^[\w.[\]-]{1,80}$/.test(path));
  return paths.length === 0 ? '' : `&at=${encodeURIComponent([...new Set(paths)].slice(0, 5).join(','))}`;
}
