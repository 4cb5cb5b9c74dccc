/** The fields of a form with which an import is chosen: the same at the upload and at its confirmation. */
import { ENCODINGS } from '@/lib/imports/lead-import/encoding';
import {
  type ImportOptions,
  MAX_HEADER_ROW,
  MODES,
  POLICIES,
  QUOTES,
  SEVERAL,
} from '@/lib/imports/lead-import/options';

interface Chosen {
  readonly encoding?: string | undefined;
  readonly delimiter?: string | null | undefined;
  readonly country?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly options?: ImportOptions | undefined;
}

const MODE_WORDS = {
  upsert: 'create and update',
  create_only: 'only create',
  update_only: 'only update',
  opt_out: 'none: these numbers get no messages',
};
const POLICY_WORDS = {
  overwrite: 'replace the known value',
  fill_empty: 'only fill empty fields',
  never: 'leave known leads as they are',
};

const SEVERAL_WORDS = { refuse: 'refuse the row', first: 'take the first good one' };
const QUOTES_WORDS = { cells: 'is one cell, as written', lines: 'is a stray quotation mark: each line is a row' };

export function ChoiceFields({ encoding = '', delimiter, country, dryRun = false, options }: Chosen) {
  return (
    <>
      <p>
        <label htmlFor="encoding">Encoding</label>
        <select id="encoding" name="encoding" defaultValue={encoding}>
          <option value="">UTF-8, else ask</option>
          {ENCODINGS.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </p>
      <p>
        <label htmlFor="delimiter">Delimiter</label>
        <select id="delimiter" name="delimiter" defaultValue={delimiter === '\t' ? 'tab' : (delimiter ?? '')}>
          <option value="">found in the file</option>
          {[',', ';', '|', 'tab'].map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </p>
      <p>
        <label htmlFor="country">Country of local numbers, as in AE</label>
        <input
          id="country"
          name="country"
          maxLength={60}
          size={20}
          placeholder="the company's"
          defaultValue={country ?? ''}
        />
      </p>
      <p>
        <label htmlFor="several">Several numbers</label>
        <select id="several" name="several" defaultValue={options?.several ?? 'refuse'}>
          {SEVERAL.map((several) => (
            <option key={several} value={several}>
              {SEVERAL_WORDS[several]}
            </option>
          ))}
        </select>
      </p>
      <p>
        <label htmlFor="headerRow">Header row, or 0</label>
        <input
          id="headerRow"
          name="headerRow"
          type="number"
          min={0}
          max={MAX_HEADER_ROW}
          placeholder="found"
          defaultValue={options?.headerRow ?? ''}
        />
      </p>
      <p>
        <label htmlFor="mode">Leads</label>
        <select id="mode" name="mode" defaultValue={options?.mode ?? 'upsert'}>
          {MODES.map((mode) => (
            <option key={mode} value={mode}>
              {MODE_WORDS[mode]}
            </option>
          ))}
        </select>
      </p>
      <p>
        <label htmlFor="policy">Values</label>
        <select id="policy" name="policy" defaultValue={options?.policy ?? 'overwrite'}>
          {POLICIES.map((policy) => (
            <option key={policy} value={policy}>
              {POLICY_WORDS[policy]}
            </option>
          ))}
        </select>
      </p>
      <p>
        <label htmlFor="quotes">A cell over lines that look like rows</label>
        <select id="quotes" name="quotes" defaultValue={options?.quotes ?? ''}>
          <option value="">ask</option>
          {QUOTES.map((quotes) => (
            <option key={quotes} value={quotes}>
              {QUOTES_WORDS[quotes]}
            </option>
          ))}
        </select>
      </p>
      <p>
        <label htmlFor="tags">Tags, by commas</label>
        <input id="tags" name="tags" maxLength={1_000} defaultValue={options?.tags.join(', ') ?? ''} />
      </p>
      <YesOrNo name="clear" isYes={options?.clear ?? false} label="Empty cells empty the field" />
      <YesOrNo name="dryRun" isYes={dryRun} label="Dry run: report everything, write nothing" />
    </>
  );
}

/** A checkbox that is not checked sends nothing: the hidden field in front of it says no. */
export function YesOrNo({ name, isYes, label }: { name: string; isYes: boolean; label: string }) {
  return (
    <p>
      <input type="hidden" name={name} value="0" />
      <label>
        <input type="checkbox" name={name} value="1" defaultChecked={isYes} /> {label}
      </label>
    </p>
  );
}
