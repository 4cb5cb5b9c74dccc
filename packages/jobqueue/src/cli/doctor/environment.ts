/** Whose database it is, and whether drains from here run its jobs. */
import { type Environments, isForeign, notDrained } from '../../index.ts';
import { type Finding, ok, warn } from './finding.ts';

export function environmentFinding(environments: Environments): Finding {
  const { own, owner } = environments;
  if (isForeign(environments)) {
    const mend = 'correct on a laptop and in previews; otherwise name the environment, or run npx jobqueue adopt';
    return warn('environment', notDrained(environments), mend);
  }
  if (owner !== null) return ok('environment', `the database belongs to ${owner}, and so does this`);
  if (own === null) return ok('environment', 'none is named, and the database has no owner: every drain runs its jobs');
  const mend = `npx jobqueue adopt ${own}, so that drains of other environments leave its jobs alone`;
  return warn('environment', `this is ${own}, and the database has no owner: every drain runs its jobs`, mend);
}
