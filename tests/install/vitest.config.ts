/** The fresh apps, one after another: builds that take a processor for a minute each are no part of `npm test`. */
import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

export default defineConfig({
  ...base,
  test: { ...base.test, root: process.cwd(), include: ['tests/install/newcomer.ts'], maxWorkers: 1 },
});
