/** The payload while it is edited: kept in this tab until it is accepted, so that a refused one can be mended. */
'use client';

import { useEffect, useRef } from 'react';

interface DraftProps {
  readonly job: string;
  readonly text: string;
  readonly wasRefused: boolean;
}

export function Draft({ job, text, wasRefused }: DraftProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const key = `draft ${job}`;
  useEffect(() => {
    const draft = wasRefused ? sessionStorage.getItem(key) : null;
    if (draft !== null && field.current) field.current.value = draft;
  }, [key, wasRefused]);
  return (
    <textarea
      ref={field}
      id="field-payload"
      name="payload"
      required
      rows={Math.min(20, text.split('\n').length + 2)}
      defaultValue={text}
      onChange={({ target }) => sessionStorage.setItem(key, target.value)}
      spellCheck={false}
      className="mono w-full"
    />
  );
}
