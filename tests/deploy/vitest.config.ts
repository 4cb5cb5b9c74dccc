/** The app as the platform builds and runs it: a build takes minutes, so it is no part of `npm test`. */
import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

export default defineConfig({
  ...base,
  test: { ...base.test, root: process.cwd(), include: ['tests/deploy/deployment.ts'], maxWorkers: 1 },
});
