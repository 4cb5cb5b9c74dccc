/** Writes an opt-out down, or lifts one; then the list as it was filtered. */
'use server';

import { localPath } from '@conversure/jobqueue-console/auth';
import { z } from 'zod';
import { optOuts } from '@/lib/opt-outs';
import { lifting, newOptOut } from '@/lib/opt-outs/request';
import { action } from '../action';

/** The list with its filter, as the form names it. */
function backOf(sent: unknown): string {
  const back = typeof sent === 'string' ? localPath(sent) : '/opt-outs';
  return /^\/opt-outs(\?|$)/.test(back) ? back : '/opt-outs';
}

function withQuery(path: string, query: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}${query}`;
}

const back = z.string().transform(backOf);

export const addOptOut = action(
  {
    page: (form) => withQuery(backOf(form.get('back')), 'do=add'),
    input: newOptOut.extend({ back }).strip(),
    keeps: { secrets: [] },
  },
  async ({ back: list, ...given }, { actor }) => {
    const isNew = await optOuts.add(given, actor);
    return withQuery(list, `done=${isNew ? 'opt_out' : 'opt_out_known'}`);
  },
);

export const liftOptOut = action(
  {
    page: (form) => withQuery(backOf(form.get('back')), `lift=${encodeURIComponent(String(form.get('id')))}`),
    input: lifting.extend({ back }).strip(),
    keeps: { secrets: [] },
  },
  async ({ back: list, ...given }, { actor }) => {
    await optOuts.lift(given, actor);
    return withQuery(list, 'done=opt_out_lifted');
  },
);
