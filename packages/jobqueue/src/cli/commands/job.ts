/** `jobqueue job ID`: all that is known of one job. */
import { Argument, Command } from 'commander';
import type { Relative } from '../../index.ts';
import { Failure } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Common, jobId, onTarget } from '../options.ts';
import { dim, plain, print, printJson } from '../output.ts';
import { statusOf } from './jobs.ts';

/** Lines of a stack on the screen; --json has all of it. */
const STACK_LINES = 8;

export function jobCommand(): Command {
  return onTarget(new Command('job'))
    .description('one job, with its errors, and its parent and children in a flow')
    .addArgument(new Argument('<id>').argParser(jobId))
    .option(
      '--payload',
      'also payload, state and result; recorded in the audit log, because they may hold personal data',
    )
    .action((id: string, { payload, ...options }: Common & { payload?: true }) =>
      withTarget(options, async (target) => {
        const { job } = await target.ask({ action: 'job', id, payload: payload === true });
        if (job === null) throw new Failure(`job ${id} does not exist, or its history was pruned`);
        if (options.json) return printJson(job);
        const { errors, status, parent, children, waitsForChildren, ...rest } = job;
        line('status', statusOf(status));
        if (parent) line(parent.waits ? 'waits for it' : 'parent', relative(parent));
        for (const child of children) line(child.waits ? 'it waits for' : 'child', relative(child));
        if (waitsForChildren) line('due', 'after its children');
        for (const [name, value] of Object.entries(rest))
          if (value !== null && !(waitsForChildren && name === 'scheduledFor'))
            line(name, typeof value === 'object' ? JSON.stringify(value, null, 2) : plain(String(value), 500));
        for (const error of errors) {
          print('');
          print(`attempt ${error.attempt}, ${error.at}: ${plain(`${error.name}: ${error.message}`, 2_000)}`);
          for (const { path, message } of error.issues ?? []) print(`  ${plain(path)}: ${plain(message, 200)}`);
          for (const at of (error.stack ?? '').split('\n').slice(1, STACK_LINES)) print(dim(`  ${plain(at, 200)}`));
        }
      }),
    );
}

function relative({ id, type, status }: Relative): string {
  return `${id} ${type ?? ''} ${status === null ? 'past its retention' : statusOf(status)}`;
}

function line(name: string, value: string): void {
  print(`${dim(name.padEnd(15))}${value}`);
}
