/** A run that driverParity.test.ts starts and expects to fail or to pass. */
import { defineConfig } from 'vitest/config';
import DriverParity from '../../../../../tests/support/driver-parity.ts';

export default defineConfig({
  test: { include: ['packages/jobqueue/tests/drivers/parity/*.suite.ts'], reporters: [new DriverParity()] },
});
