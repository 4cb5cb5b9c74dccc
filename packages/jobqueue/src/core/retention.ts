/** How long finished jobs, ledger rows and rollups are kept: what the app says, checked, and as prune_1 reads it. Pure. */
import { LIMITS } from './limits.ts';
import { type Duration, duration, type Names, onlyKnown, refused } from './options.ts';

export interface JobRetention {
  readonly completed?: Duration;
  readonly deadLetter?: Duration;
  readonly cancelled?: Duration;
}

export interface RetentionOptions<Type extends string = string> extends JobRetention {
  /** What differs by type. */
  readonly types?: { readonly [Name in Type]?: JobRetention };
  /** Of drains; default 30 days. */
  readonly ledger?: Duration;
  /** Of counts; default 90 days. */
  readonly rollups?: Duration;
}

const JOB_NAMES: Names<JobRetention> = { completed: true, deadLetter: true, cancelled: true };
const NAMES: Names<RetentionOptions> = { ...JOB_NAMES, types: true, ledger: true, rollups: true };

/** What prune_1 needs to know, ms. */
export interface Retention {
  readonly COMPLETED: number;
  readonly DEAD_LETTER: number;
  readonly CANCELLED: number;
  readonly types: Readonly<
    Record<string, Readonly<Partial<Record<'COMPLETED' | 'DEAD_LETTER' | 'CANCELLED', number>>>>
  >;
  /** Of all of the above. */
  readonly shortestMs: number;
  readonly ledger: number;
  readonly rollups: number;
}

const DAY_MS = 24 * 3_600_000;
/** Shorter, and a job is gone before anybody can look at it. */
const SHORTEST_MS = 60_000;
/** Counts of the last day are still written, those of a day are read by screens and alerts. */
const SHORTEST_ROLLUPS_MS = 2 * DAY_MS;

const STATUS = { completed: 'COMPLETED', deadLetter: 'DEAD_LETTER', cancelled: 'CANCELLED' } as const;

/**
 * Completed jobs are kept as long as they hold their keys (`keyWindowMs`), dead letters 90 days, cancelled jobs 30. Throws
 * QueueError `option_invalid` for what is no duration from a minute (of rollups two days) to ten years, or no type of this queue.
 */
export function retentionOf(
  options: RetentionOptions,
  keyWindowMs: number,
  types: ReadonlyMap<string, unknown>,
): Retention {
  const where = { call: 'createQueue', at: 'retention.' };
  onlyKnown(options, NAMES, where);
  const kept = (option: string, value: Duration | undefined, otherwise: number, min = SHORTEST_MS) =>
    value === undefined ? otherwise : Math.round(duration(option, value, { min, max: LIMITS.scheduledForMs }, where));
  const { completed, deadLetter, cancelled, types: byType = {}, ledger, rollups } = options;
  const general = {
    COMPLETED: kept('completed', completed, Math.max(keyWindowMs, SHORTEST_MS)),
    DEAD_LETTER: kept('deadLetter', deadLetter, 90 * DAY_MS),
    CANCELLED: kept('cancelled', cancelled, 30 * DAY_MS),
  };
  const special = Object.entries(byType).map(([type, ofThis]) => {
    if (!types.has(type)) throw refused(`types.${type}`, 'a type of this queue', type, where);
    onlyKnown(ofThis ?? {}, JOB_NAMES, { ...where, at: `retention.types.${type}.` });
    const ofType = Object.entries(STATUS).flatMap(([name, status]) => {
      const value = ofThis?.[name as keyof typeof STATUS];
      return value === undefined ? [] : [[status, kept(`types.${type}.${name}`, value, 0)] as const];
    });
    return [type, Object.fromEntries(ofType)] as const;
  });
  return {
    ...general,
    types: Object.fromEntries(special),
    shortestMs: Math.min(...Object.values(general), ...special.flatMap(([, kept]) => Object.values(kept))),
    ledger: kept('ledger', ledger, 30 * DAY_MS),
    rollups: kept('rollups', rollups, 90 * DAY_MS, SHORTEST_ROLLUPS_MS),
  };
}
