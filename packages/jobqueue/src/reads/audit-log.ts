/** The audit log: who did what. */

import { idOf, integer } from '../core/options.ts';
import type { Executor } from '../postgres/database.ts';
import { auditEntries } from '../postgres/statements/controls.ts';

/** One page of a screen. */
const MOST_ENTRIES = 500;

/** One recorded change. Entries are never changed or removed. */
export interface AuditEntry {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly details: unknown;
}

/** The latest first; `before` an id for the next page, at most 500 a call. */
export async function auditLog(
  executor: Executor,
  { before, limit = 50 }: { readonly before?: string; readonly limit?: number },
): Promise<readonly AuditEntry[]> {
  const rows = await auditEntries(
    executor,
    before === undefined ? null : idOf('before', before),
    integer('limit', limit, { min: 1, max: MOST_ENTRIES }),
  );
  return rows.map(({ at_ms, ...entry }) => ({ ...entry, at: new Date(at_ms) }));
}
