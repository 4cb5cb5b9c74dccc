/** Compares a build with the budgets and with the project's settings. Each violation is a sentence; none means that it may be deployed. Pure. */

import { type Budget, MOST_FUNCTIONS, RUNTIME } from './budgets.ts';
import type { BuildOutput, BuiltFunction } from './build-output.ts';
import { destinationOf } from './routes.ts';

/** Variables belong to the project's settings. The platform gives every root file of this name to each function of Next.js, whatever is in it. */
const VARIABLES = /(^|\/)\.env(\.|$)/;
/** A list of names, without a value. */
const EXAMPLE = '.env.example';

export function budgetViolations({ functions }: BuildOutput, budgets: readonly Budget[]): string[] {
  const named = new Map(budgets.map((budget) => [budget.function, budget]));
  const missing = budgets.filter((budget) => !functions.some(({ name }) => name === budget.function));
  return [
    ...(functions.length > MOST_FUNCTIONS
      ? [`the build has ${functions.length} functions: a plan deploys ${MOST_FUNCTIONS}`]
      : []),
    ...missing.map((budget) => `${budget.function} has a budget, and the build has no such function`),
    ...functions.flatMap((built) => {
      const budget = named.get(built.name);
      return budget === undefined ? [`${built.name} has no budget`] : violationsOf(built, budget);
    }),
  ];
}

function violationsOf({ name, files, packages, maxDuration, runtime }: BuiltFunction, budget: Budget): string[] {
  const kilobytes = Math.ceil(bytesOf(files) / 1_000);
  const variables = files.map(({ path }) => path).filter((path) => VARIABLES.test(path) && path !== EXAMPLE);
  const foreign = packages.filter((one) => !budget.packages.includes(one));
  return [
    ...(files.length > budget.files ? [`${name} carries ${files.length} files, budget ${budget.files}`] : []),
    ...(kilobytes > budget.kilobytes ? [`${name} carries ${kilobytes} kB, budget ${budget.kilobytes} kB`] : []),
    ...foreign.map((one) => `${name} carries ${one}, which its budget does not name`),
    ...variables.map((path) => `${name} carries ${path}: variables belong to the project's settings`),
    ...(maxDuration !== budget.maxDuration
      ? [`${name} may run ${secondsOf(maxDuration)}, expected ${secondsOf(budget.maxDuration)}`]
      : []),
    ...(runtime !== RUNTIME ? [`${name} runs on ${runtime}, expected ${RUNTIME}`] : []),
  ];
}

export function bytesOf(files: BuiltFunction['files']): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function secondsOf(maxDuration: number | null): string {
  return maxDuration === null ? "the plan's default" : `${maxDuration} s`;
}

/** The crons of `vercel.json` are those of the build, and each leads to a function that no middleware can redirect: a 3xx ends a tick. */
export function cronViolations(output: BuildOutput, expected: BuildOutput['crons']): string[] {
  const text = ({ path, schedule }: BuildOutput['crons'][number]) => `${schedule} ${path}`;
  const got = output.crons.map(text);
  const wanted = expected.map(text);
  return [
    ...wanted.filter((cron) => !got.includes(cron)).map((cron) => `the build lacks the cron ${cron}`),
    ...got.filter((cron) => !wanted.includes(cron)).map((cron) => `the build has a cron ${cron}, vercel.json has not`),
    ...output.crons.flatMap(({ path }) => {
      const to = destinationOf(output, path, {});
      if (to.function === null) return [`the cron ${path} leads to no function`];
      return to.middleware === null ? [] : [`the cron ${path} passes the middleware first`];
    }),
  ];
}
