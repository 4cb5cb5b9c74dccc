/** Fails the run if a suite over all drivers ran fewer tests on one of them than on node-postgres: a skipped driver is an untested one. */
import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node';

export const DRIVERS = ['postgres', 'neon-http', 'neon-websocket'] as const;
export type DriverName = (typeof DRIVERS)[number];

declare module 'vitest' {
  interface TaskMeta {
    /** Set by each test that runs over a driver; a skipped one does not get to it. */
    driver?: DriverName;
    driverSuite?: string;
  }
}

export interface RanTest {
  readonly suite: string;
  readonly driver: DriverName;
}

/** One sentence per driver that ran fewer tests of a suite than node-postgres. */
export function missingTests(ran: readonly RanTest[]): string[] {
  const suites = new Set(ran.map(({ suite }) => suite));
  const count = (suite: string, driver: DriverName) =>
    ran.filter((test) => test.suite === suite && test.driver === driver).length;
  return [...suites].flatMap((suite) => {
    const expected = count(suite, 'postgres');
    return DRIVERS.filter((driver) => count(suite, driver) < expected).map(
      (driver) => `${suite}: ${driver} ran ${count(suite, driver)} tests, postgres ran ${expected}`,
    );
  });
}

export default class DriverParity implements Reporter {
  private filtered = false;

  onInit(vitest: Vitest): void {
    this.filtered = vitest.config.testNamePattern !== undefined; // `-t` may well pick a driver
  }

  onTestRunEnd(modules: readonly TestModule[], _errors: unknown, reason: TestRunEndReason): void {
    if (this.filtered || reason === 'interrupted') return;
    const complaints = missingTests(modules.flatMap(ranTests));
    if (complaints.length === 0) return;
    process.exitCode = 1;
    for (const complaint of complaints) console.error(`DRIVER PARITY  ${complaint}`);
  }
}

function ranTests(module: TestModule): RanTest[] {
  return [...module.children.allTests()].flatMap((test) => {
    const { driver, driverSuite } = test.meta();
    const ran = test.result().state === 'passed' || test.result().state === 'failed';
    return ran && driver && driverSuite ? [{ suite: `${module.relativeModuleId} ${driverSuite}`, driver }] : [];
  });
}
