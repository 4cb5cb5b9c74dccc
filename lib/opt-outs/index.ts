/** Composition: opt-outs on this deployment's database, each change with its line in the audit log. */
import { database } from '@conversure/jobqueue/postgres';
import { queue } from '../queue/index.ts';
import { addOptOut, liftOptOut, personOf, readLiftable } from './change.ts';
import { type OptOutsPage, optOutsFile, optOutsPage } from './list.ts';
import type { Lifting, NewOptOut, OptOutFilter } from './request.ts';

export { needsNote } from './change.ts';
export type { OptOut, OptOutsPage } from './list.ts';

export const optOuts = {
  page: (filter: OptOutFilter, after?: string): Promise<OptOutsPage> => optOutsPage(database(), filter, { after }),
  file: (filter: OptOutFilter) => optOutsFile(database(), filter),
  /** Throws what `personOf` does. Answers whether it is new. */
  async add(given: NewOptOut, actor: string): Promise<boolean> {
    const person = await personOf(database(), given);
    const { companyId, scope, reason } = given;
    await queue.audit({ actor, action: 'opt_out.add', details: { companyId, ...person, scope, reason } });
    return addOptOut(database(), given, person);
  },
  /** Throws what `readLiftable` does. The audit log keeps how the person asked for it. */
  async lift(given: Lifting, actor: string): Promise<void> {
    const lifted = await readLiftable(database(), given);
    const { id, reason, howAsked = null } = given;
    await queue.audit({ actor, action: 'opt_out.lift', details: { id, ...lifted, reason, howAsked } });
    await liftOptOut(database(), given, lifted);
  },
};
