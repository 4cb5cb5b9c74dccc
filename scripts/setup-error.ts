/** Ends a script that cannot work: one message for a mistake that the reader can fix, a stack for everything else. */
import { DatabaseUsageError, MigrationError, UnusableDatabaseError } from '@conversure/jobqueue/postgres';

/** Something is missing around us: the message says what, and what to do. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

/** Runs a script to its exit code. */
export async function runScript(run: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run();
  } catch (error) {
    console.error(isExplained(error) ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

function isExplained(error: unknown): error is Error {
  const explained = [SetupError, UnusableDatabaseError, MigrationError, DatabaseUsageError];
  return explained.some((kind) => error instanceof kind);
}
