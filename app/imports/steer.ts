/** An operator's actions on one import: answer its question, pause, resume, cancel, undo. */
'use server';

import { z } from 'zod';
import { imports } from '@/lib/imports';
import { chosen, isImportId } from '@/lib/imports/request';
import { queue } from '@/lib/queue';
import { action } from '../action';
import { choiceForm } from './choices';

const importId = z.string().refine(isImportId);

/** The page of the import that the form names. */
function page(form: FormData): string {
  const id = String(form.get('importId'));
  return isImportId(id) ? `/imports/${id}` : '/imports';
}

export const confirmImport = action(
  {
    page,
    input: choiceForm({ importId }),
    audit: ({ importId: id }) => ({ action: 'import.confirm', details: { importId: id } }),
  },
  async ({ importId: id, ...choices }) => {
    await imports.confirm(id, chosen(choices));
    queue.kick(); // somebody waits in front of the page
    return `/imports/${id}`;
  },
);

export const steerImport = action(
  {
    page,
    input: z.object({ importId, do: z.enum(['pause', 'resume', 'cancel', 'undo']) }),
    audit: ({ importId: id, do: step }) => ({ action: `import.${step}`, details: { importId: id } }),
  },
  async ({ importId: id, do: step }) => {
    await imports[step](id);
    queue.kick();
    return `/imports/${id}`;
  },
);
