/** A waiting import: the result for its first rows, and the form that lets it go on. Every choice can be previewed first. */
import type { ImportView, Preview, PreviewedRow } from '@/lib/imports';
import { FIELDS } from '@/lib/imports/lead-import/options';
import { ChoiceFields } from '../choice-fields';
import { confirmImport } from '../steer';

export function Waiting({ view, preview, dryRun }: { view: ImportView; preview: Preview; dryRun: boolean }) {
  const { importId, question } = view;
  const { encoding, delimiter, country, options, mapping, headerRow, failure } = preview;
  return (
    <form action={confirmImport} className="card min-w-0 p-4">
      <input type="hidden" name="importId" value={importId} />
      <h2>{question === null ? 'Preview' : 'Before it starts'}</h2>
      {question && <p role="status">{question.message}</p>}
      {failure && (
        <p className="refused" role="alert">
          {failure.message} <span className="soft">({failure.code})</span>
        </p>
      )}
      <p>
        Read as {encoding.used} <span className="soft">({SOURCES[encoding.source]})</span>
        {encoding.suggestion && encoding.suggestion.alternatives.length > 0 && (
          <span className="soft">, or try {encoding.suggestion.alternatives.join(', ')}</span>
        )}
        {mapping !== null && <>, columns as saved under “{mapping}”</>}
        {headerRow !== null && headerRow > 1 && <>, header in row {headerRow}</>}
        {headerRow === 0 && <>, without a header</>}
      </p>
      <Rows preview={preview} />
      <ChoiceFields {...{ encoding: encoding.used, delimiter, country, dryRun, options }} />
      <p>
        <label htmlFor="saveMapping">Save the columns as</label>
        <input id="saveMapping" name="saveMapping" maxLength={100} defaultValue={options.saveMapping ?? ''} />
      </p>
      <button type="submit" formAction={`/imports/${encodeURIComponent(importId)}`} formMethod="get">
        Try these choices
      </button>{' '}
      <button type="submit" className="button primary">
        Start the import
      </button>
    </form>
  );
}

const SOURCES = {
  chosen: 'as it was chosen',
  byte_order_mark: 'as the file declares',
  utf8: 'as it is valid',
  suggested: 'a guess: look whether names read right',
};

/** The number that comes out, and who says which country it is dialled from. */
function NumberCell({ row: { lead, error, dialledFrom, warnings, optOut } }: { row: PreviewedRow }) {
  const [said, country] = dialledFrom?.split(' ') ?? [];
  return (
    <td>
      {lead ? <strong>{lead.phone}</strong> : '–'}
      {country && (
        <span className="soft"> {said === 'default' ? `as ${country}, by default` : `as ${country}, by its row`}</span>
      )}
      {optOut && <span> opted out{optOut === 'marketing' ? ' of marketing' : ''}</span>}
      {error && <span className="soft"> {error.column ? `${error.column}: ${error.message}` : error.message}</span>}
      {warnings.map(({ column, message }) => (
        <div key={column} className="soft">
          {column}: {message}
        </div>
      ))}
    </td>
  );
}

function Rows({ preview: { columns, rows } }: { preview: Preview }) {
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Row</th>
            <th>Becomes</th>
            <th>Number</th>
            {columns.map(({ header, field, suggested }, n) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place, headers may stand twice.
              <th key={n}>
                {header || '(empty)'}
                <br />
                <select
                  name={`column-${n + 1}`}
                  defaultValue={field ?? suggested ?? 'ignore'}
                  aria-label={`Column ${n + 1} is`}
                >
                  <option value="ignore">ignore</option>
                  {FIELDS.map((name) => (
                    <option key={name}>{name}</option>
                  ))}
                </select>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.row}>
              <td className="number">{row.row}</td>
              <td>
                {row.outcome ?? '–'}
                {row.changes.length > 0 && <span className="soft"> ({row.changes.join(', ')})</span>}
              </td>
              <NumberCell row={row} />
              {row.cells.map((cell, n) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its place.
                <td key={n}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
