/** Parts of the form of a new campaign. */
import { Field } from '@conversure/jobqueue-console/ui';
import type { ReactNode } from 'react';
import { errorOf, type Kept } from '../../kept-form';

export function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="m-0 grid min-w-0 grid-cols-[minmax(0,1fr)] gap-4 border-0 p-0">
      <legend className="mb-2 p-0 font-semibold">{title}</legend>
      {children}
    </fieldset>
  );
}

/** A file that was sent is kept with the form: no browser lets a page put it back. `now` says which that is. */
export function FileField({ label, kept, now }: { label: string; kept: Kept; now: string | null }) {
  const error = errorOf(kept, 'file');
  return (
    <Field
      name="file"
      label={label}
      error={error}
      hint={
        <>
          {now !== null && <strong className="break-words">Kept: {now}. Another file replaces it. </strong>}
          Columns like Phone, Name, Language, Time zone and Consent are known by their names; every column can fill the
          message.
        </>
      }
    >
      <input
        id="field-file"
        name="file"
        type="file"
        accept=".csv,.txt,.tsv,text/csv"
        {...(error !== undefined && { 'aria-invalid': true, 'aria-describedby': 'error-file' })}
      />
    </Field>
  );
}
