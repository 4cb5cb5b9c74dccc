/** `jobqueue enqueue TYPE PAYLOAD`: one job, checked against its type's schema. */
import { Argument, Command } from 'commander';
import { Failure, UsageError } from '../failure.ts';
import { withTarget } from '../open-target.ts';
import { type Common, duration, given, instant, jsonOf, onTarget, text, whole } from '../options.ts';
import { print, printJson } from '../output.ts';

const TEN_YEARS_MS = 10 * 365.25 * 24 * 3_600_000;

interface Options extends Common {
  readonly priority?: number;
  readonly key?: string;
  readonly maxAttempts?: number;
  readonly at?: string;
  readonly in?: number;
  readonly queue?: string;
}

export function enqueueCommand(): Command {
  return onTarget(new Command('enqueue'))
    .description('add one job; over HTTP with QUEUE_API_KEY')
    .addArgument(new Argument('<type>', 'a type that this code or the deployment knows'))
    .addArgument(
      new Argument('<payload>', 'JSON, or - to read it from stdin, which keeps it out of process lists').argParser(
        jsonOf,
      ),
    )
    .option('--key <key>', 'idempotency key: while a job holds it, no other is added', text(512))
    .option('--priority <n>', '0 to 10', whole(0, 10))
    .option('--max-attempts <n>', '1 to 100', whole(1, 100))
    .option('--at <instant>', 'due at this instant, such as 2026-12-24T18:00:00Z', instant)
    .option('--in <duration>', 'due after this time from now, such as 2h', duration(0, TEN_YEARS_MS))
    .option('--queue <queue>', 'the queue of the job')
    .addHelpText(
      'after',
      `
  $ jobqueue enqueue crm_sync '{"companyId":"acme","leadId":"7","action":"create"}' --key lead-7
  $ jobqueue enqueue crm_sync - < payload.json`,
    )
    .action((type: string, payload: unknown, options: Options) => {
      const { priority, key: idempotencyKey, maxAttempts, at, in: inMs, queue } = options;
      if (at !== undefined && inMs !== undefined) throw new UsageError('enqueue: --at and --in exclude each other');
      const scheduledFor = inMs === undefined ? at : new Date(Date.now() + inMs).toISOString();
      return withTarget(
        options,
        async (target) => {
          const added = await target.enqueue({
            type,
            payload,
            options: given({ priority, idempotencyKey, maxAttempts, scheduledFor, queue }),
          });
          if (added.differs) throw new Failure(`nothing added: job ${added.id} holds this key and has another payload`);
          if (options.json) printJson(added);
          else print(added.duplicate ? `nothing added: job ${added.id} holds this key` : `job ${added.id}`);
        },
        { needs: 'enqueue' },
      );
    });
}
