/** Orders the files so that both processors are busy to the end, and never with two files that need both of them. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

type Seconds = Readonly<Record<string, number>>;

/** Files that compute all the time, with what they take, in seconds, beside two others. They come one after the other. */
const COMPUTING: Seconds = {
  'tests/browser/console.test.ts': 200,
  'tests/infrastructure/demo.test.ts': 280,
  'tests/browser/campaigns.test.ts': 90,
  'packages/jobqueue/tests/plans.test.ts': 80,
  'packages/jobqueue/tests/bytes.test.ts': 70,
  'tests/browser/drafts.test.ts': 40,
  'tests/lead-import/large.test.ts': 45,
  'tests/browser/console-styles.test.ts': 25,
};

/**
 * Files that also wait, the longest ones first: by default vitest goes by a file's size, which says little of waits. Eight drains that
 * share tokens do so after the app is built.
 */
const WAITING: Seconds = {
  'packages/jobqueue/tests/simulation/simulation.test.ts': 170,
  'packages/jobqueue/tests/infrastructure/embedded.test.ts': 90,
  'tests/infrastructure/supervisor.test.ts': 85,
  'packages/jobqueue/tests/drivers/settings.test.ts': 80,
  'packages/jobqueue/tests/rate-limit-drains.test.ts': 130,
  'tests/crm/refusals.test.ts': 75,
  'packages/jobqueue/tests/lost-answer.test.ts': 70,
  'tests/crm/sync.test.ts': 65,
  'tests/lead-import/encodings.test.ts': 55,
  'packages/jobqueue/tests/crash.test.ts': 55,
  'packages/jobqueue/tests/cli/import-prisma.test.ts': 55,
  'packages/jobqueue/tests/controls-kill.test.ts': 50,
  'tests/campaigns/chaos.test.ts': 45,
  'packages/jobqueue/tests/replay.test.ts': 45,
  'packages/jobqueue/tests/controls.test.ts': 45,
};
/** All others, on average. */
const USUAL_SECONDS = 10;

/** Files that run beside one that computes: all workers but its own. */
const BESIDE = 2;

const placeIn = (list: Seconds, { moduleId }: TestSpecification) =>
  Object.keys(list).findIndex((file) => moduleId.endsWith(file));
const secondsIn = (list: Seconds, file: TestSpecification) => Object.values(list)[placeIn(list, file)] ?? USUAL_SECONDS;
const isListed = (list: Seconds, file: TestSpecification) => placeIn(list, file) >= 0;
const asListed = (list: Seconds, files: readonly TestSpecification[]) =>
  files.filter((file) => isListed(list, file)).sort((a, b) => placeIn(list, a) - placeIn(list, b));

export default class FileOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rest = (await super.sort(files)).filter((file) => !isListed(COMPUTING, file) && !isListed(WAITING, file));
    const computing = asListed(COMPUTING, files);
    const others = [...asListed(WAITING, files), ...rest];
    const order: TestSpecification[] = [];
    let endsAt = 0; // when the last one that computes has ended, in seconds from the start
    for (let begun = 0; order.length < files.length; ) {
      const next = begun >= BESIDE * endsAt || others.length === 0 ? computing.shift() : undefined;
      const file = (next ?? others.shift()) as TestSpecification;
      if (next) endsAt += secondsIn(COMPUTING, next);
      else begun += secondsIn(WAITING, file);
      order.push(file);
    }
    return order;
  }
}
