/** A suite that passes on all drivers, but runs one test fewer on one of them. */
import { beforeEach, describe, test } from 'vitest';
import { DRIVERS } from '../../../../../tests/support/driver-parity.ts';

for (const driver of DRIVERS) {
  describe(driver, () => {
    beforeEach(({ task }) => {
      task.meta.driver = driver;
      task.meta.driverSuite = 'uneven';
    });
    test('runs everywhere', () => undefined);
    test.skipIf(driver === 'neon-http' && process.env.EVEN !== '1')('is skipped on one driver', () => undefined);
  });
}
