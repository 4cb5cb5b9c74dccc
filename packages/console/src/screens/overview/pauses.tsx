/** Lists pauses with their start and reason, so that nobody has to wonder why a type does not run. */

import type { Pause } from '@conversure/jobqueue';
import { Pause as PauseIcon } from '../../ui/icons.tsx';
import { Link } from '../../ui/link.tsx';
import { Ago } from '../../ui/when.tsx';

export function Pauses({ pauses }: { pauses: readonly Pause[] }) {
  if (pauses.length === 0) return null;
  return (
    <section aria-label="Paused" className="card grid gap-1.5 border-l-4 border-l-warn p-3">
      {pauses.map((pause) => (
        <div key={`${pause.queue} ${pause.type}`} className="flex flex-wrap items-baseline gap-x-2">
          <PauseIcon size={14} className="self-center text-warn" />
          <strong>{targetOf(pause)}</strong>
          <span>
            paused <Ago at={pause.since} />
            {pause.reason ? `: ${pause.reason}` : ', without a reason'}
          </span>
        </div>
      ))}
      <Link href="/incident" className="link w-fit">
        Resume
      </Link>
    </section>
  );
}

export function targetOf({ queue, type }: { queue: string; type: string }): string {
  if (queue === '*' && type === '*') return 'Everything';
  if (queue === '*') return type;
  return type === '*' ? `Queue ${queue}` : `${type} in queue ${queue}`;
}
