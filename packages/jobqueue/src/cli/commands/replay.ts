/** `jobqueue replay`: replays dead letters, at once or throttled by the drains. Shows a preview, asks, works in slices. */
import { Command } from 'commander';
import { agree } from '../ask.ts';
import { inBulk } from '../bulk.ts';
import { Failure, UsageError } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Acting, acting, confirmed, given, instant, jobId, several, text, whole } from '../options.ts';
import { note, plain, print, printJson, warn } from '../output.ts';
import type { Answer } from '../target.ts';
import { replaysCommand, stopReplayCommand } from './replays.ts';

const MOST_JOBS = 1_000_000_000;

interface Options extends Acting {
  readonly id?: readonly string[];
  readonly type?: string;
  readonly queue?: string;
  readonly errorName?: string;
  readonly errorCode?: string;
  readonly message?: string;
  readonly finishedAfter?: string;
  readonly finishedBefore?: string;
  readonly all?: true;
  readonly cancelled?: true;
  readonly now?: true;
  readonly maxJobs?: number;
  readonly perMinute?: number;
  readonly stopFailed?: number;
  readonly stopRatio?: number;
  readonly stopOf: number;
  readonly plan?: true;
  readonly yes?: true;
}

export function replayCommand(): Command {
  return confirmed(acting(new Command('replay')))
    .description('bring dead letters back; at least one filter, or --all')
    .option('--id <id>', 'this job; may be repeated', several(jobId))
    .option('--type <type>', 'of this type')
    .option('--queue <queue>', 'of this queue')
    .option('--error-name <name>', 'with this name of the last error', text(200))
    .option('--error-code <code>', 'with this code of the last error', text(200))
    .option('--message <text>', 'with this text in the last error', text(200))
    .option('--finished-after <instant>', 'dead since this instant or later; 2h means 2 hours ago', instant)
    .option('--finished-before <instant>', 'dead before this instant', instant)
    .option('--all', 'every dead letter')
    .option('--cancelled', 'cancelled jobs too; those with a due time in the future keep it')
    .option('--now', 'with --cancelled: due now, not at their time')
    .option('--max-jobs <n>', 'the most jobs', whole(1, MOST_JOBS))
    .option('--per-minute <n>', 'throttled: this many jobs a minute, moved by the drains', whole(1, 10_000))
    .option('--stop-failed <n>', 'ends the throttled replay when this many failed again', whole(1, MOST_JOBS))
    .option('--stop-ratio <percent>', 'ends the throttled replay when this percentage failed again', whole(1, 100))
    .option('--stop-of <n>', 'judged once this many have ended', whole(1, MOST_JOBS), 50)
    .option('--plan', 'show the jobs, change nothing')
    .addHelpText(
      'after',
      `
A job must fit all filters. It keeps its id, payload and errors; its attempts start at 0 again. A job whose idempotency key another job
holds is refused.

  $ jobqueue replay --type crm_sync --message 503 --plan
  $ jobqueue replay --type crm_sync --per-minute 60 --stop-ratio 20`,
    )
    .addCommand(replaysCommand())
    .addCommand(stopReplayCommand())
    .action((options: Options) => {
      const filter = filterOf(options);
      const stopWhen = stopWhenOf(options);
      const { perMinute, maxJobs, as: actor } = options;
      const due = options.now && ('now' as const);
      const statuses: ('DEAD_LETTER' | 'CANCELLED')[] | undefined = options.cancelled && ['DEAD_LETTER', 'CANCELLED'];
      return withTarget(options, async (target) => {
        const preview = await target.ask({ action: 'previewReplay', filter, ...given({ statuses, due }) });
        warn(preview.warnings);
        if (options.plan && options.json) return printJson(preview);
        if (!options.json) tell(preview);
        if (options.plan) return;
        if (preview.total === 0)
          return options.json ? printJson({ changed: 0, skipped: 0, done: true, refusals: [] }) : undefined;
        const most = maxJobs === undefined ? '' : `, at most ${maxJobs}`;
        const pace = perMinute === undefined ? '' : `, ${perMinute} a minute`;
        await agree(`Bring ${count(preview)} back on ${target.name}${most}${pace}?`, options);
        const common = { actor, ...given({ statuses, due }) };
        if (perMinute !== undefined) {
          const replay = await target.ask({
            action: 'throttledReplay',
            filter,
            perMinute,
            ...common,
            ...given({ maxJobs, stopWhen }),
          });
          return options.json
            ? printJson(replay)
            : print(`throttled replay ${replay.id} has begun; jobqueue replay list shows it`);
        }
        // Between two requests nothing may come back that died of the first one.
        const before = { finishedBefore: options.finishedBefore ?? preview.asOf };
        const result = await inBulk(target, {
          what: 'replayed',
          total: Math.min(preview.total, maxJobs ?? preview.total),
          quiet: options.json === true,
          request: (changed) => {
            const left = maxJobs === undefined ? undefined : maxJobs - changed;
            return left === 0
              ? null
              : { action: 'replay', filter: { ...filter, ...before }, ...common, ...given({ maxJobs: left }) };
          },
        });
        const { changed, skipped, done, refusals } = result;
        if (options.json) printJson({ changed, skipped, done, refusals });
        else print(`${changed} came back${skipped === 0 ? '' : `, ${skipped} were refused`}`);
        if (!options.json)
          for (const { id, holder } of refusals) note(`${id} stays: job ${holder} holds its idempotency key`);
        if (!done) throw new Failure('stopped; run the same command again for the rest');
      });
    });
}

function filterOf(options: Options) {
  const { id, type, queue, errorName, errorCode, message, finishedAfter, finishedBefore } = options;
  const filter = given({
    ids: id && [...new Set(id)],
    ...{ type, queue, errorName, errorCode, messageContains: message, finishedAfter, finishedBefore },
  });
  const isEmpty = Object.keys(filter).length === 0;
  if (isEmpty && !options.all) throw new UsageError('replay: name at least one filter, or --all');
  if (!isEmpty && options.all) throw new UsageError('replay: --all and a filter exclude each other');
  return isEmpty ? { finishedAfter: new Date(0).toISOString() } : filter;
}

function stopWhenOf({ perMinute, stopFailed, stopRatio, stopOf }: Options) {
  if (stopFailed === undefined && stopRatio === undefined) return undefined;
  if (perMinute === undefined) throw new UsageError('replay: --stop-failed and --stop-ratio need --per-minute');
  if (stopFailed !== undefined && stopRatio !== undefined)
    throw new UsageError('replay: --stop-failed and --stop-ratio exclude each other');
  return stopFailed === undefined
    ? { failureRatio: (stopRatio ?? 0) / 100, minOutcomes: stopOf }
    : { failed: stopFailed };
}

function count({ total, atLeast }: { total: number; atLeast: boolean }): string {
  return `${atLeast ? 'at least ' : ''}${total} job${total === 1 ? '' : 's'}`;
}

function tell(preview: Answer<{ action: 'previewReplay'; filter: object }>): void {
  if (preview.total === 0) {
    note('No dead letter matches.');
    return;
  }
  note(`${count(preview)}:`);
  if (preview.later)
    note(`  ${preview.later.total} at their time, from ${preview.later.firstAt} on; with --now at once`);
  for (const { total, type, errorName } of preview.groups)
    note(`  ${total}  ${type}, ${plain(errorName ?? 'no error')}`);
  for (const { id, message } of preview.samples) note(`  e.g. ${id}: ${plain(message ?? '', 90)}`);
}
