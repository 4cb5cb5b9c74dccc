/** Replays that are spread over time, with what has come of their jobs so far. */

import { type Replay, waitingInWords } from '@conversure/jobqueue';
import { ActionForm } from '../../ui/action-form.tsx';
import { Status } from '../../ui/status.tsx';
import { Submit } from '../../ui/submit.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { Ago } from '../../ui/when.tsx';
import { count } from '../../ui/words.ts';

const COLUMNS: readonly Column[] = [
  { id: 'began', title: 'Began', heads: true },
  { id: 'state', title: 'State' },
  { id: 'what', title: 'Jobs' },
  { id: 'result', title: 'Outcomes' },
  { id: 'replayed', title: 'Replayed', align: 'right' },
  { id: 'completed', title: 'Completed', align: 'right' },
  { id: 'failed', title: 'Failed', align: 'right' },
  { id: 'open', title: 'Open', align: 'right', from: 'wide' },
  { id: 'refused', title: 'Refused', align: 'right', from: 'wide' },
  { id: 'do', title: '', align: 'right' },
];

export function ThrottledReplays({ replays, canStop }: { replays: readonly Replay[]; canStop: boolean }) {
  if (replays.length === 0) return <p className="soft">None yet. «Replay…» of a group starts one.</p>;
  return <DataTable label="Throttled replays" columns={COLUMNS} rows={replays.map((replay) => row(replay, canStop))} />;
}

function row(replay: Replay, canStop: boolean) {
  const {
    id,
    state,
    perMinute,
    maxJobs,
    replayed,
    completed,
    failed,
    undecided,
    refused,
    actor,
    startedAt,
    endReason,
    waitsFor,
  } = replay;
  const why = endReason ?? waitingInWords(waitsFor);
  return {
    id,
    cells: {
      began: <Ago at={startedAt} />,
      state: <Status of={state} />,
      what: (
        <span className="block min-w-40">
          {described(replay.filter)}, {count(perMinute)} a minute{maxJobs !== null && `, at most ${count(maxJobs)}`}
          <span className="soft block">
            by {actor}
            {why && `; ${why}`}
          </span>
        </span>
      ),
      result: <Shares parts={[completed, failed, undecided]} />,
      replayed: count(replayed),
      completed: <span className="text-good">{count(completed)}</span>,
      failed: <span className={failed > 0 ? 'text-bad' : 'soft'}>{count(failed)}</span>,
      open: count(undecided),
      refused: count(refused),
      do: state === 'running' && canStop && (
        <ActionForm run="stop-replay">
          <input type="hidden" name="id" value={id} />
          <Submit tone="danger" small label={`Stop replay ${id}`}>
            Stop
          </Submit>
        </ActionForm>
      ),
    },
  };
}

function described(filter: object): string {
  const { type, errorName, errorCode, ids, fingerprint } = filter as Record<string, unknown>;
  const parts = [type, errorName, errorCode, Array.isArray(ids) && `${ids.length} jobs`, fingerprint && 'one error'];
  return parts.filter(Boolean).join(', ') || 'dead letters';
}

const COLOURS = ['text-good', 'text-bad', 'text-edge'] as const;

/** Completed, failed and open, side by side. */
function Shares({ parts }: { parts: readonly [completed: number, failed: number, open: number] }) {
  const all = Math.max(
    parts.reduce((sum, part) => sum + part, 0),
    1,
  );
  const starts = parts.map((_, n) => parts.slice(0, n).reduce((sum, part) => sum + part, 0));
  return (
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" className="mt-1.5 h-2 w-28 rounded" aria-hidden>
      <rect width="100" height="8" className="fill-sunken" />
      {parts.map((part, n) => (
        <rect
          key={COLOURS[n]}
          x={((starts[n] ?? 0) / all) * 100}
          width={(part / all) * 100}
          height="8"
          fill="currentColor"
          className={COLOURS[n]}
        />
      ))}
    </svg>
  );
}
