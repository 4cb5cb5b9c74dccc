/** Starts the files first that take longest, so that none of them runs alone at the end, with one processor idle. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first, those that compute between those that wait. By default vitest goes by a file's size, which says little of either. */
const LONGEST = [
  'tests/browser/console.test.ts',
  'packages/jobqueue/tests/rate-limit-drains.test.ts',
  'packages/jobqueue/tests/controls.test.ts',
  'tests/infrastructure/demo.test.ts',
  'packages/jobqueue/tests/controls-kill.test.ts',
  'packages/jobqueue/tests/lost-answer.test.ts',
  'tests/browser/campaigns.test.ts',
  'packages/jobqueue/tests/bytes.test.ts',
  'packages/jobqueue/tests/plans.test.ts',
  'packages/jobqueue/tests/rollups.test.ts',
  'packages/jobqueue/tests/drivers/settings.test.ts',
  'packages/jobqueue/tests/crash.test.ts',
  'packages/jobqueue/tests/kill.test.ts',
  'packages/jobqueue/tests/watch.test.ts',
  'tests/crm/refusals.test.ts',
  'tests/crm/sync.test.ts',
  'packages/jobqueue/tests/infrastructure/embedded.test.ts',
  'tests/infrastructure/supervisor.test.ts',
  'tests/browser/drafts.test.ts',
  'packages/jobqueue/tests/cli/operate.test.ts',
  'packages/jobqueue/tests/cli/import-prisma.test.ts',
  'tests/lead-import/large.test.ts',
  'tests/campaigns/chaos.test.ts',
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
