/** Controls of a form that is kept when it is refused: each shows what was typed, and beside it what is wrong with it. */

import { database } from '@conversure/jobqueue/postgres';
import { Field, one } from '@conversure/jobqueue-console/ui';
import type { ComponentProps, ReactNode } from 'react';
import { type KeptForm, readKeptForm } from '../lib/kept-forms';

export type Kept = KeptForm | null;

/** The form that the address of `page` names. */
export async function keptFor(page: string, sent: string | string[] | undefined): Promise<Kept> {
  const id = one(sent);
  return id === undefined ? null : readKeptForm(database(), page, id);
}

/** The text that was typed into a field; undefined where the form was not kept. */
export const typed = (kept: Kept, name: string): string | undefined => kept?.fields[name];

export function errorOf(kept: Kept, name: string): string | undefined {
  return kept?.refusal?.issues.find(({ path }) => path === name || path.startsWith(`${name}.`))?.message;
}

/** Above the form: what was refused, with a way to each field. */
export function KeptRefusal({ kept, labels = {} }: { kept: Kept; labels?: Readonly<Record<string, string>> }) {
  if (kept?.refusal == null) return null;
  const { message, issues } = kept.refusal;
  return (
    <div className="refused grid gap-1" role="alert">
      <p className="m-0 break-words">{message}</p>
      {issues.length > 0 && (
        <ul className="m-0 grid list-disc gap-0.5 pl-5">
          {issues.slice(0, SHOWN_ISSUES).map(({ path, message: words }) => (
            <li key={`${path} ${words}`} className="break-words">
              <a href={`#field-${path}`} className="underline">
                {labels[path] ?? path}
              </a>
              : {words}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Nobody mends more at once. */
const SHOWN_ISSUES = 20;

interface Common {
  readonly name: string;
  readonly label: string;
  readonly hint?: ReactNode;
  readonly kept?: Kept;
  readonly value?: string | undefined;
}

function control({ name, kept = null, value }: Common) {
  const error = errorOf(kept, name);
  return {
    error,
    attributes: {
      id: `field-${name}`,
      name,
      defaultValue: typed(kept, name) ?? value,
      ...(error !== undefined && { 'aria-invalid': true, 'aria-describedby': `error-${name}` }),
    },
  };
}

export function TextField({ label, hint, ...props }: Common & Omit<ComponentProps<'input'>, 'name' | 'value'>) {
  const { kept: _, value: __, name, ...input } = props;
  const { error, attributes } = control({ label, ...props });
  return (
    <Field name={name} label={label} hint={hint} error={error}>
      <input {...input} {...attributes} />
    </Field>
  );
}

export function AreaField({ label, hint, ...props }: Common & Omit<ComponentProps<'textarea'>, 'name' | 'value'>) {
  const { kept: _, value: __, name, ...area } = props;
  const { error, attributes } = control({ label, ...props });
  return (
    <Field name={name} label={label} hint={hint} error={error}>
      <textarea rows={3} {...area} {...attributes} />
    </Field>
  );
}

interface Choices {
  /** Value and words. */
  readonly choices: readonly (readonly [value: string, words: string])[];
}

export function SelectField({ label, hint, choices, ...props }: Common & Choices) {
  const { error, attributes } = control({ label, ...props });
  return (
    <Field name={props.name} label={label} hint={hint} error={error}>
      <select {...attributes}>
        {choices.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** A checkbox that is not checked sends nothing, so a hidden no precedes it. */
export function CheckField({ name, label, hint, kept = null, value }: Common) {
  const error = errorOf(kept, name);
  return (
    <div className="field">
      <input type="hidden" name={name} value="0" />
      <label className="flex items-center gap-2 text-ink!" htmlFor={`field-${name}`}>
        <input
          type="checkbox"
          id={`field-${name}`}
          name={name}
          value="1"
          className="w-auto! shrink-0"
          defaultChecked={(typed(kept, name) ?? value) === '1'}
        />
        {label}
      </label>
      {error && <span className="text-[0.92rem] text-bad">{error}</span>}
      {hint && <span className="soft text-[0.88rem]">{hint}</span>}
    </div>
  );
}

/** Counts that the coming exchange writes, its own outcomes included; null if it need not. `isLast`: no other may follow. */
export function SecretField({ name, label, hint, kept = null }: Omit<Common, 'value'>) {
  const error = errorOf(kept, name);
  return (
    <Field name={name} label={label} hint={hint} error={error}>
      <input
        id={`field-${name}`}
        name={name}
        type="password"
        autoComplete="new-password"
        maxLength={4_000}
        {...(error !== undefined && { 'aria-invalid': true, 'aria-describedby': `error-${name}` })}
      />
    </Field>
  );
}
