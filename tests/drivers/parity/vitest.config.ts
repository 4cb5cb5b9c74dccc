/** A run that driverParity.test.ts starts and expects to fail or to pass. */
import { defineConfig } from 'vitest/config';
import DriverParity from '../../support/driverParity.ts';

export default defineConfig({
  test: { include: ['tests/drivers/parity/*.suite.ts'], reporters: [new DriverParity()] },
});
