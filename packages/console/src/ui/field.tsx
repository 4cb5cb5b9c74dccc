/** A labelled field, and the reason that every change asks for. */
import type { ReactNode } from 'react';

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly hint?: ReactNode;
  /** The error of the field; the control names `error-<name>` as its description. */
  readonly error?: string | undefined;
  readonly children: ReactNode;
}

/** `children` is the control; its id is `field-<name>`. */
export function Field({ name, label, hint, error, children }: FieldProps) {
  return (
    <div className="field">
      <label htmlFor={`field-${name}`}>{label}</label>
      {children}
      {error && (
        <span id={`error-${name}`} className="break-words text-[0.92rem] text-bad">
          {error}
        </span>
      )}
      {hint && <span className="soft text-[0.88rem]">{hint}</span>}
    </div>
  );
}

/** The field `reason` for the audit log, at most 200 characters. */
export function Reason({ required = true, value }: { required?: boolean; value?: string | undefined }) {
  return (
    <Field name="reason" label={required ? 'Reason for the audit log' : 'Reason for the audit log (optional)'}>
      <input
        id="field-reason"
        name="reason"
        required={required}
        maxLength={200}
        placeholder="INC-7: wrong template"
        defaultValue={value}
      />
    </Field>
  );
}

/** Hidden fields, one for each value that is there. */
export function Hidden({ values }: { values: Readonly<Record<string, string | undefined>> }) {
  return Object.entries(values).map(([name, value]) =>
    value === undefined ? null : <input key={name} type="hidden" name={name} value={value} />,
  );
}
