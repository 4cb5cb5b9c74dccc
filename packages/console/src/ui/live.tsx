/** Keeps a page fresh while somebody looks at it: a hidden tab asks nothing, and so lets a database sleep. */
'use client';

import { useRouter } from 'next/navigation';
import { useEffect, useState, useTransition } from 'react';
import { RefreshCw, RefreshCwOff } from './icons.tsx';

/** A tab that nobody has touched for so long is as good as hidden: a screen left on over night. */
const UNWATCHED_MS = 15 * 60_000;

/**
 * Refreshes the page every `everyMs` (default 10,000), and has buttons to stop and to refresh now. Pauses in a hidden tab, while
 * a dialog is open, and after 15 minutes without input.
 */
export function Live({ everyMs = 10_000 }: { everyMs?: number }) {
  const router = useRouter();
  const [isOn, setOn] = useState(true);
  const [isUnwatched, setUnwatched] = useState(false);
  const [isPending, start] = useTransition();

  useEffect(() => {
    if (!isOn) return;
    let touchedAt = performance.now();
    const touched = () => {
      touchedAt = performance.now();
      setUnwatched(false);
    };
    const refresh = () => {
      if (document.visibilityState !== 'visible' || document.querySelector('dialog[open], [role="dialog"]')) return;
      if (performance.now() - touchedAt > UNWATCHED_MS) return setUnwatched(true);
      start(() => router.refresh());
    };
    const seen = () => {
      touched();
      refresh(); // what was hidden for an hour must not show the state of an hour ago
    };
    const timer = setInterval(refresh, everyMs);
    document.addEventListener('visibilitychange', seen);
    for (const event of EVENTS) window.addEventListener(event, touched, { passive: true });
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
      for (const event of EVENTS) window.removeEventListener(event, touched);
    };
  }, [isOn, everyMs, router]);

  return (
    <div className="flex items-center gap-1">
      <span className="soft flex items-center gap-1.5 text-[0.88rem]" role="status">
        <span
          className={`size-2 rounded-full ${isOn && !isUnwatched ? 'bg-good' : 'bg-edge'} ${isPending ? 'opacity-50' : ''}`}
          aria-hidden
        />
        {!isOn ? 'Not refreshing' : isUnwatched ? 'Paused until you move' : `Live, every ${everyMs / 1_000} s`}
      </span>
      <button
        type="button"
        className="button quiet small"
        onClick={() => setOn(!isOn)}
        aria-label={isOn ? 'Stop refreshing this page' : 'Refresh this page automatically'}
        title={isOn ? 'Stop refreshing this page' : 'Refresh this page automatically'}
      >
        {isOn ? <RefreshCwOff size={14} /> : 'Go live'}
      </button>
      <button
        type="button"
        className="button quiet small"
        onClick={() => start(() => router.refresh())}
        aria-label="Refresh now"
        title="Refresh now"
      >
        <RefreshCw size={14} />
      </button>
    </div>
  );
}

const EVENTS = ['pointermove', 'keydown', 'scroll'] as const;
