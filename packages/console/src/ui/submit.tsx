/** The button that sends a form: it says so while it does, and cannot be pressed twice. */
'use client';

import type { ReactNode } from 'react';
import { useFormStatus } from 'react-dom';
import { LoaderCircle } from './icons.tsx';

interface SubmitProps {
  readonly tone?: 'primary' | 'danger' | 'plain';
  readonly small?: boolean;
  readonly children: ReactNode;
  /** The target of a button in a row. */
  readonly label?: string;
  /** The field that this button sends, if a form has several buttons. */
  readonly name?: string;
  readonly value?: string;
}

/** A submit button, disabled while its form is being sent. `label` is its accessible name if the text alone is ambiguous. */
export function Submit({ tone = 'primary', small = false, children, label, name, value }: SubmitProps) {
  const { pending } = useFormStatus();
  return (
    <button
      type="submit"
      name={name}
      value={value}
      className={`button ${tone === 'plain' ? '' : tone} ${small ? 'small' : ''}`}
      disabled={pending}
      aria-label={label}
    >
      {pending && <LoaderCircle size={14} className="animate-spin" />}
      {children}
    </button>
  );
}
