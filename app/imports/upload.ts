/** The upload form: stores the file and enqueues its import, then shows the import. */
'use server';

import { z } from 'zod';
import { EDGE_LIMITS } from '@/lib/config';
import { HttpError } from '@/lib/http/errors';
import { imports } from '@/lib/imports';
import { uploadQuery } from '@/lib/imports/request';
import { queue } from '@/lib/queue';
import { action } from '../action';
import { choiceForm } from './choices';

const input = choiceForm({
  importId: z.uuid(), // made with the form: a double click is one upload
  companyId: z.string().trim().pipe(uploadQuery.shape.companyId),
  file: z.instanceof(File).refine((file) => file.name !== ''),
});

const audit = ({ importId, companyId, file }: z.output<typeof input>) => ({
  action: 'import.upload',
  details: { importId, companyId, bytes: file.size },
});

export const importLeads = action({ page: '/imports', input, audit }, async ({ importId, file, ...choices }) => {
  if (file.size > EDGE_LIMITS.uploadBytes)
    throw new HttpError(413, 'file_too_large', 'Expected a file of at most 4 MB.');
  const bytes = new Uint8Array(await file.arrayBuffer());
  await imports.upload({ id: importId, ...choices }, { fileName: file.name, bytes });
  queue.kick(); // somebody waits in front of the page: the tick may be a minute away
  return `/imports/${importId}`;
});
