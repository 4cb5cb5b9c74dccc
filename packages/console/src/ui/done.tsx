/** Reports the last action in fixed words and numbers. The address carries only codes, because anyone can write an address. */
import { CircleCheck } from './icons.tsx';
import type { Messages, Numbers } from './messages.ts';
import { count, plural } from './words.ts';

const DONE: Readonly<Record<string, (n: Numbers) => string>> = {
  cancel: ({ changed }) => `${plural(changed, 'job')} cancelled.`,
  reschedule: (n) => `${plural(n.changed, 'job')} rescheduled${held(n)}.`,
  set_priority: (n) => `${plural(n.changed, 'job')} given a new priority${held(n)}.`,
  replay: ({ changed, skipped }) =>
    `${plural(changed, 'job')} replayed${skipped > 0 ? `; ${count(skipped)} refused, because another job holds their key` : ''}.`,
  throttled_replay: () => 'The throttled replay has started: the next drain brings its first jobs back.',
  stop_replay: () => 'The throttled replay is stopped; replayed jobs stay.',
  amended: () => 'Replayed with the payload as you edited it.',
  free_key: () => 'The key is free: the next job with this key is added.',
  key_was_free: () => 'Nothing was freed, because no job held this key any more.',
  pause: () => 'Paused: no drain starts a job of it within 2 s. Running jobs finish.',
  resume: () => 'Resumed.',
  not_paused: () => 'Nothing was resumed, because it was no longer paused.',
  acknowledge: () => 'Acknowledged: others see that you take care of it.',
  not_open: () => 'This incident has closed, or somebody has already acknowledged it.',
  mute: () => 'Muted: no alerts about it until the mute ends.',
  unmute: () => 'The mute has ended.',
  unblock: () => 'The block has ended.',
  schedule_pause: () => 'The schedule is paused.',
  schedule_resume: () => 'The schedule is resumed.',
  schedule_run: () => 'One job of this schedule was enqueued.',
  schedule_override: () => 'The override is in place; the next tick reads it.',
  schedule_restore: () => 'The code’s own line applies again; the next tick reads it.',
};

function held({ skipped }: Numbers): string {
  return skipped > 0 ? `; ${count(skipped)} skipped, because a drain holds them` : '';
}

interface DoneProps {
  /** The page's query. */
  readonly params: Readonly<Record<string, string | string[] | undefined>>;
  readonly messages?: Messages | undefined;
}

/** Confirms the last action above the page, by the code in `?done=…`. Renders nothing without a known code. */
export function Done({ params, messages: { done: own = {} } = {} }: DoneProps) {
  const { done, changed, skipped, left } = params;
  const known = { ...DONE, ...own };
  const words = typeof done === 'string' && Object.hasOwn(known, done) ? known[done] : undefined;
  if (words === undefined) return null;
  const numbers = { changed: whole(changed), skipped: whole(skipped) };
  return (
    <p className="banner flex items-center gap-2 border-good" role="status">
      <CircleCheck size={16} className="shrink-0 text-good" />
      <span>
        {words(numbers)}
        {left === '1' && ' More jobs are left: repeat the action.'}
      </span>
    </p>
  );
}

function whole(value: string | string[] | undefined): number {
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : 0;
}
