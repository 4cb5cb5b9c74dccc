/** The statements about replays of dead letters. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

export interface ReplayPreviewRow {
  readonly total: number;
  readonly atLeast: boolean;
  readonly later: { readonly total: number; readonly firstMs: number; readonly lastMs: number } | null;
  readonly groups: readonly { readonly type: string; readonly errorName: string | null; readonly total: number }[];
  readonly samples: readonly {
    readonly id: string;
    readonly type: string;
    readonly queue: string;
    readonly attempts: number;
    readonly finishedMs: number;
    readonly errorName: string | null;
    readonly errorCode: string | null;
    readonly message: string | null;
  }[];
}

/** Dead letters that a replay with this filter would find, counted up to 10,000. */
export async function previewReplay(executor: Executor, filterJson: string): Promise<ReplayPreviewRow> {
  const rows = await executor.execute<{ answer: ReplayPreviewRow }>({
    text: 'select jobqueue.preview_replay_1($1::jsonb) as answer',
    params: [filterJson],
  });
  return only(rows).answer;
}

/** One dead letter with another payload; see packages/jobqueue/sql/functions/replay_amended_1.sql. */
export async function replayAmended(
  executor: Executor,
  id: string,
  payloadJson: string,
  options: object,
): Promise<{
  readonly changed: number;
  readonly refusals: readonly { readonly id: string; readonly holder: string }[];
}> {
  const rows = await executor.execute<{ answer: Awaited<ReturnType<typeof replayAmended>> }>({
    text: 'select jobqueue.replay_amended_1($1::bigint, $2::jsonb, $3::jsonb) as answer',
    params: [id, payloadJson, JSON.stringify(options)],
  });
  return only(rows).answer;
}

/** Starts a replay that drains move on; answers its id. */
export async function startReplay(executor: Executor, filterJson: string, options: object): Promise<string> {
  const rows = await executor.execute<{ id: string }>({
    text: 'select jobqueue.start_replay_1($1::jsonb, $2::jsonb)::text as id',
    params: [filterJson, JSON.stringify(options)],
  });
  return only(rows).id;
}

/** True if it was running. */
export async function stopReplay(executor: Executor, id: string, actor: string): Promise<boolean> {
  const rows = await executor.execute<{ stopped: boolean }>({
    text: 'select jobqueue.stop_replay_1($1::bigint, $2) as stopped',
    params: [id, actor],
  });
  return only(rows).stopped;
}

/** The reasons, beside the rate, why jobs of a replay are still dead letters. */
export type WaitsFor = 'outcomes' | 'resume' | 'handler';

export interface MovedOn {
  readonly moved: number;
  readonly more: boolean;
  readonly waitsFor: WaitsFor | null;
}

/** Moves the replay on that was looked at longest ago; null if there is none, or others do it just now. See replays_2.sql. */
export async function moveReplayOn(
  executor: Executor,
  types: readonly string[],
  timeoutMs: number,
): Promise<MovedOn | null> {
  const rows = await executor.execute<{ answer: MovedOn | null }>(
    { text: 'select jobqueue.replays_2($1::jsonb) as answer', params: [JSON.stringify({ types })] },
    { timeoutMs },
  );
  return only(rows).answer;
}

export interface ReplayRow {
  readonly id: string;
  readonly filter: object;
  readonly per_minute: number;
  readonly max_jobs: number | null;
  readonly stop_when: object | null;
  readonly state: 'running' | 'stopped' | 'finished';
  readonly end_reason: string | null;
  readonly waits_for: WaitsFor | null;
  readonly actor: string;
  readonly started_ms: number;
  readonly ended_ms: number | null;
  readonly replayed: number;
  readonly refused: number;
  readonly failed: number;
  readonly completed: number;
  readonly cancelled: number;
  readonly undecided: number;
  readonly refusals: readonly { readonly id: string; readonly holder: string }[];
}

/** The latest first. */
export async function replays(executor: Executor, limit: number): Promise<ReplayRow[]> {
  return executor.execute<ReplayRow>({
    text: `select id::text as id, filter, per_minute, max_jobs, stop_when, state, end_reason, waits_for, actor,
                  (extract(epoch from started_at) * 1000)::float8 as started_ms, (extract(epoch from ended_at) * 1000)::float8 as ended_ms,
                  replayed, refused, failed, completed, cancelled, undecided, coalesce(progress -> 'refusals', '[]') as refusals
           from jobqueue.replays order by jobqueue.replays.id desc limit $1`,
    params: [limit],
  });
}
