/** Starts the files first that take longest, so that none of them runs alone at the end, with one processor idle. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first. By default vitest goes by a file's size, which says little of what waits for servers and killed processes. */
const LONGEST = [
  'tests/browser/console.test.ts',
  'tests/infrastructure/demo.test.ts',
  'tests/browser/campaigns.test.ts',
  'packages/jobqueue/tests/cli/setup.test.ts',
  'packages/jobqueue/tests/cli/config.test.ts',
  'packages/jobqueue/tests/plans.test.ts',
  'packages/jobqueue/tests/rate-limit-drains.test.ts',
  'packages/jobqueue/tests/bytes.test.ts',
  'tests/edges/fuzz.test.ts',
  'tests/campaigns/chaos.test.ts',
  'packages/jobqueue/tests/cli/operate.test.ts',
  'tests/crm/sync.test.ts',
  'tests/docs/readme.test.ts',
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
