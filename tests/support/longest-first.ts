/** Starts the files first that take longest, so that none of them runs alone at the end, with one processor idle. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The longest first; by default vitest goes by a file's size, which says little of it. What starts a browser or builds the app wants both
 * processors: between two of those stand files that mostly wait, for as long as the first takes. What is measured by the clock comes last.
 */
const LONGEST = [
  'tests/browser/console.test.ts',
  'packages/jobqueue/tests/controls.test.ts',
  'packages/jobqueue/tests/controls-kill.test.ts',
  'packages/jobqueue/tests/lost-answer.test.ts',
  'packages/jobqueue/tests/rollups.test.ts',
  'packages/jobqueue/tests/drivers/settings.test.ts',
  'packages/jobqueue/tests/crash.test.ts',
  'tests/crm/refusals.test.ts',
  'tests/infrastructure/demo.test.ts',
  'packages/jobqueue/tests/kill.test.ts',
  'packages/jobqueue/tests/bytes.test.ts',
  'packages/jobqueue/tests/watch.test.ts',
  'tests/crm/sync.test.ts',
  'packages/jobqueue/tests/infrastructure/embedded.test.ts',
  'tests/infrastructure/supervisor.test.ts',
  'packages/jobqueue/tests/cli/operate.test.ts',
  'packages/jobqueue/tests/cli/import-prisma.test.ts',
  'tests/browser/campaigns.test.ts',
  'packages/jobqueue/tests/drivers/failures.test.ts',
  'tests/campaigns/chaos.test.ts',
  'tests/lead-import/encodings.test.ts',
  'tests/campaigns/trouble.test.ts',
  'packages/jobqueue/tests/stale.test.ts',
  'packages/jobqueue/tests/plans.test.ts',
  'tests/lead-import/large.test.ts',
  'tests/browser/drafts.test.ts',
  'packages/jobqueue/tests/rate-limit-drains.test.ts',
];

function place({ moduleId }: TestSpecification): number {
  const place = LONGEST.findIndex((file) => moduleId.endsWith(file));
  return place === -1 ? LONGEST.length : place;
}

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => place(a) - place(b));
  }
}
