/** Retention of finished jobs, ledger rows and rollups: the app's options, checked, and as prune_1 reads them. Pure. */
import { LIMITS } from './limits.ts';
import { type Duration, duration, type Names, onlyKnown, refused } from './options.ts';

/** Retention of finished jobs by status, ms or like '7d': a minute to ten years. Jobs whose idempotency key still holds are kept longer. */
export interface JobRetention {
  readonly completed?: Duration;
  readonly deadLetter?: Duration;
  readonly cancelled?: Duration;
}

/** Retention of everything that drains prune. `types` overrides it for single types. */
export interface RetentionOptions<Type extends string = string> extends JobRetention {
  /** Retention of single types. */
  readonly types?: { readonly [Name in Type]?: JobRetention };
  /** One row per drain; default 30 days, at least a minute. */
  readonly ledger?: Duration;
  /** Counts per minute and type; default 90 days, at least two days. */
  readonly rollups?: Duration;
}

const JOB_NAMES: Names<JobRetention> = { completed: true, deadLetter: true, cancelled: true };
const NAMES: Names<RetentionOptions> = { ...JOB_NAMES, types: true, ledger: true, rollups: true };

/** The input of prune_1, ms. */
export interface Retention {
  readonly COMPLETED: number;
  readonly DEAD_LETTER: number;
  readonly CANCELLED: number;
  readonly types: Readonly<
    Record<string, Readonly<Partial<Record<'COMPLETED' | 'DEAD_LETTER' | 'CANCELLED', number>>>>
  >;
  /** The shortest of the above. */
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
