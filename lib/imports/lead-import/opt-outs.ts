/** The refusals of messages in the columns of a row. A refusal counts for every number of the row. */
import type { Columns } from './columns.ts';
import { type Asks, meaningOf, refusalIn, type Scope } from './headers.ts';
import { cleanLine, shorten } from './text.ts';

/** An opt-out as the database takes it. */
export interface Stop {
  readonly phone: string;
  readonly scope: Scope;
  readonly reason: string;
}

export interface Refusal {
  readonly scope: Scope;
  /** The column and its cell. */
  readonly reason: string;
}

/** The longest stored reason, in characters. */
const REASON_LENGTH = 200;
/** A column that a person chose, whatever its header says. */
const BY_HAND: Asks = { says: 'no', scope: 'all' };

/** Reads the rows of one file: the widest refusal of a row, or null. */
export function refusalReader(
  header: readonly string[],
  columns: Columns,
): (cells: readonly string[]) => Refusal | null {
  const asking = columns.optOut.map((index) => ({ index, asks: meaningOf(header[index] ?? '')?.asks ?? BY_HAND }));
  return (cells) => {
    const refusals = asking.flatMap(({ index, asks }): Refusal[] => {
      const cell = cleanLine(cells[index] ?? '');
      const scope = refusalIn(cell, asks);
      return scope === null
        ? []
        : [{ scope, reason: shorten(`${cleanLine(header[index] ?? '')}: ${cell}`, REASON_LENGTH) }];
    });
    return refusals.find(({ scope }) => scope === 'all') ?? refusals[0] ?? null;
  };
}
