/** A form that asks for one of the console's actions. It is sent with and without JavaScript. */
'use client';

import type { ReactNode } from 'react';
import { ACTION_FIELD, type ActionName } from './action-name.ts';
import { useMount } from './mount.tsx';

interface ActionFormProps {
  readonly run: ActionName;
  readonly className?: string;
  readonly children: ReactNode;
}

export function ActionForm({ run, className, children }: ActionFormProps) {
  const { act } = useMount();
  return (
    <form action={act} className={className}>
      <input type="hidden" name={ACTION_FIELD} value={run} />
      {children}
    </form>
  );
}
