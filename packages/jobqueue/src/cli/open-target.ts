/** Opens the target that flags and environment name. Loads only that one: HTTP needs no driver. */
import { placeOf, type Where } from './environment.ts';
import type { Target } from './target.ts';

/**
 * Opens what flags and environment name, lets `use` work on it, and closes it whatever happens. `needs`: the command, if it cannot work on
 * a database without the app's jobs.
 */
export async function withTarget<Result>(
  where: Where,
  use: (target: Target) => Promise<Result>,
  { needs }: { readonly needs?: string } = {},
): Promise<Result> {
  const place = placeOf(where);
  const target =
    place.kind === 'http'
      ? (await import('./http-target.ts')).httpTarget(place.url)
      : await (await import('./database-target.ts')).databaseTarget(place.url, { config: where.config, needs });
  try {
    return await use(target);
  } finally {
    await target.close();
  }
}
