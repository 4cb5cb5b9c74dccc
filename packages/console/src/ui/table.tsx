/** The table of all screens: rows come rendered from the server; choosing rows and sorting what is shown happen here. */
'use client';

import {
  type ColumnDef,
  createSortedRowModel,
  type Header,
  rowSelectionFeature,
  rowSortingFeature,
  sortFn_basic,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { type ReactNode, useMemo } from 'react';
import { ArrowDown, ArrowUp } from './icons.tsx';

/** A column of `DataTable`. */
export interface Column {
  readonly id: string;
  readonly title: string;
  readonly align?: 'right';
  /** `wide`: not on a phone; `widest`: only where there is plenty of room. */
  readonly from?: 'wide' | 'widest';
  /** Lets a click on the title sort the shown rows. */
  readonly sorts?: boolean;
  /** The cell that names the row. */
  readonly heads?: boolean;
}

/** A row of `DataTable`, its cells by column id. */
export interface TableRow {
  readonly id: string;
  readonly cells: Readonly<Record<string, ReactNode>>;
  /** Sort keys by column. */
  readonly by?: Readonly<Record<string, number | string | null>>;
  /** Worth being looked at first. */
  readonly tone?: 'bad' | 'warn';
}

interface DataTableProps {
  /** The name of the rows. Screen readers announce it in place of the heading above. */
  readonly label: string;
  readonly columns: readonly Column[];
  readonly rows: readonly TableRow[];
  /** Names the rows' checkboxes in the form around the table; without it there are none. */
  readonly choose?: string;
}

const features = tableFeatures({ rowSelectionFeature, rowSortingFeature, sortedRowModel: createSortedRowModel() });
const HIDDEN = { wide: 'max-md:hidden', widest: 'max-xl:hidden' } as const;

/** A table that sorts and selects rows in the browser. It has only the rows that it is given: paging is the page's work. */
export function DataTable({ label, columns, rows, choose }: DataTableProps) {
  const defs = useMemo(() => columns.map(definition), [columns]);
  const data = useMemo(() => [...rows], [rows]);
  const table = useTable({ features, columns: defs, data, getRowId: (row) => row.id });
  const looks = new Map(columns.map((column) => [column.id, column]));
  const chosen = Object.keys(table.state.rowSelection).length;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={choose ? 'scroll' : 'scroll stacks'} aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {choose && (
              <th className="w-8">
                <input
                  type="checkbox"
                  aria-label={chosen > 0 ? `${chosen} chosen: choose none` : 'Choose all rows'}
                  checked={table.getIsAllRowsSelected()}
                  onChange={table.getToggleAllRowsSelectedHandler()}
                />
              </th>
            )}
            {table.getFlatHeaders().map((header) => (
              <Heading key={header.id} look={looks.get(header.id)} header={header} />
            ))}
          </tr>
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} id={`row-${row.id}`}>
              {choose && (
                <td>
                  <input
                    type="checkbox"
                    name={choose}
                    value={row.id}
                    aria-label={`Choose ${row.id}`}
                    checked={row.getIsSelected()}
                    onChange={() => undefined}
                    onClick={row.getToggleSelectedHandler()}
                  />
                </td>
              )}
              {columns.map(({ id }) => (
                <Cell key={id} look={looks.get(id)} row={row.original} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function definition({ id, sorts = false }: Column): ColumnDef<typeof features, TableRow> {
  return { id, accessorFn: (row) => row.by?.[id] ?? null, enableSorting: sorts, sortFn: sortFn_basic };
}

const ARIA = { asc: 'ascending', desc: 'descending' } as const;

function Heading({ look, header }: { look: Column | undefined; header: Header<typeof features, TableRow> }) {
  if (look === undefined) return null;
  const className = classOf(look);
  const { column } = header;
  const sorted = column.getIsSorted();
  if (!column.getCanSort())
    return (
      <th scope="col" className={className}>
        {look.title === '' ? <span className="sr-only">Actions</span> : look.title}
      </th>
    );
  const Arrow = sorted === 'asc' ? ArrowUp : ArrowDown;
  return (
    <th scope="col" className={className} aria-sort={sorted ? ARIA[sorted] : 'none'}>
      <button
        type="button"
        className="inline-flex cursor-pointer items-center gap-1 hover:text-ink"
        onClick={column.getToggleSortingHandler()}
      >
        {look.title}
        <Arrow size={12} className={sorted ? '' : 'opacity-0'} />
      </button>
    </th>
  );
}

function Cell({ look, row }: { look: Column | undefined; row: TableRow }) {
  if (look === undefined) return null;
  const className = `${classOf(look)} ${look.heads && row.tone === 'bad' ? 'shadow-[inset_3px_0_var(--bad)]' : ''} ${look.heads && row.tone === 'warn' ? 'shadow-[inset_3px_0_var(--warn)]' : ''}`;
  if (look.heads)
    return (
      <th scope="row" className={`font-medium ${className}`}>
        {row.cells[look.id]}
      </th>
    );
  return (
    <td className={className} data-title={look.title || undefined}>
      {row.cells[look.id]}
    </td>
  );
}

function classOf({ align, from }: Column): string {
  return `${align === 'right' ? 'number' : ''} ${from ? HIDDEN[from] : ''}`;
}
