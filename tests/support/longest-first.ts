/** Orders the files so that both processors are busy from the first minute to the last. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take turns (see both-processors.ts), each with the share of the other files that start before its turn comes. */
const IN_TURN = [
  ['tests/browser/console.test.ts', 0],
  ['tests/infrastructure/demo.test.ts', 0.12],
  ['tests/browser/campaigns.test.ts', 0.55],
  ['tests/browser/drafts.test.ts', 0.75],
  ['tests/browser/console-styles.test.ts', 0.85],
] as const;

/** First among the others, so that none runs alone at the end. By default vitest goes by a file's size, which says little of waits. */
const LONGEST = [
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

const isInTurn = ({ moduleId }: TestSpecification) => IN_TURN.some(([file]) => moduleId.endsWith(file));

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const others = sorted.filter((file) => !isInTurn(file)).sort((a, b) => place(a) - place(b));
    const order = [...others];
    IN_TURN.forEach(([name, share], turns) => {
      const file = sorted.find(({ moduleId }) => moduleId.endsWith(name));
      if (file) order.splice(Math.round(share * others.length) + turns, 0, file);
    });
    return order;
  }
}
