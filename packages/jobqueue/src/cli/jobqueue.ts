#!/usr/bin/env node
/** `npx jobqueue`: reads the command line, runs one command, ends with its exit code. */
import { loadEnvFiles } from './env-files.ts';
import { report } from './failure.ts';
import { packageRoot } from './load-config.ts';
import { keepStdout } from './output.ts';
import { program } from './program.ts';

loadEnvFiles(packageRoot());
keepStdout();

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
