/** Configures the tests: real PostgreSQL for all of them, one process per file, a few at once. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import FileOrder from './tests/support/file-order.ts';

/** Tests run the package's source, not its last build; programs that they start run the build. */
const source = (path: string, of = 'jobqueue') =>
  fileURLToPath(new URL(`packages/${of}/src/${path}.ts`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@\//, replacement: fileURLToPath(new URL('./', import.meta.url)) }, // pages and actions of the app
      { find: /^@conversure\/jobqueue-console$/, replacement: source('index', 'console') },
      { find: /^@conversure\/jobqueue-console\/(\w+)$/, replacement: source('$1/index', 'console') },
      { find: /^@conversure\/jobqueue$/, replacement: source('index') },
      { find: /^@conversure\/jobqueue\/opentelemetry$/, replacement: source('monitoring/opentelemetry') },
      { find: /^@conversure\/jobqueue\/drizzle$/, replacement: source('postgres/drizzle') },
      { find: /^@conversure\/jobqueue\/testing$/, replacement: source('testing') },
      { find: /^@conversure\/jobqueue\/(\w+)$/, replacement: source('$1/index') },
    ],
  },
  test: {
    include: ['tests/**/*.test.ts', 'packages/*/tests/**/*.test.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    // A driver whose suite ran fewer tests than node-postgres fails the run.
    reporters: ['default', './tests/support/driver-parity.ts', './tests/support/costs.ts'],
    // `TEST_COSTS=1`: a table at the end says which file waits and which one computes.
    setupFiles: process.env.TEST_COSTS ? ['tests/support/measure.ts'] : [],
    // A process each: signals, environment and module state of one file never reach another.
    pool: 'forks',
    // Races are tested inside a file. A file waits for leases and backoff more than it computes: three keep two processors busy,
    // where those that compute all the time take turns (tests/support/take-turns.ts).
    maxWorkers: 3,
    sequence: { sequencer: FileOrder },
    // Real waits (leases, backoff) take seconds; the rest is room for a loaded machine with two cores.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
