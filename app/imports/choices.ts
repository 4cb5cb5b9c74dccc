/** Turns a form's choices into those of the API. An empty field is no choice, except tags: there it means none. */
import { z } from 'zod';
import { chosenColumns } from '@/lib/imports/lead-import/options';
import { uploadQuery } from '@/lib/imports/request';

const choices = uploadQuery.pick({
  country: true,
  delimiter: true,
  encoding: true,
  dryRun: true,
  mode: true,
  policy: true,
  clear: true,
  tags: true,
  mapping: true,
  quotes: true,
  headerRow: true,
  several: true,
  saveMapping: true,
  preview: true,
}).shape;

/** Reads a form, or the address that it was sent to: the fields of `shape` and every choice. */
export function choiceForm<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess(gathered, z.object({ ...choices, columns: chosenColumns.optional(), ...shape }));
}

/** `column-3` is the third column. A field that came twice is a checkbox behind its hidden no. */
function gathered(form: unknown): unknown {
  const said = Object.entries(form as Record<string, unknown>).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.at(-1) : value,
  ]);
  const known = said.filter(([name, value]) => (value !== '' || name === 'tags') && value !== undefined);
  const columns = known.flatMap(([name, value]) => {
    const [, place] = /^column-(\d{1,4})$/.exec(String(name)) ?? [];
    return place === undefined ? [] : [[`#${place}`, value]];
  });
  return { ...Object.fromEntries(known), columns: columns.length === 0 ? undefined : Object.fromEntries(columns) };
}
