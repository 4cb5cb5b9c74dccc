/** `npx jobqueue`: reads the command line, runs one command, ends with its exit code. */
import { loadEnvironment } from '../../../../scripts/environment.ts';
import { report } from './failure.ts';
import { program } from './program.ts';

loadEnvironment(process.env.NODE_ENV === 'production' ? 'production' : 'development', process.cwd());
process.env.LOG_LEVEL = 'silent'; // the app's log goes to stdout, which here carries results

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
