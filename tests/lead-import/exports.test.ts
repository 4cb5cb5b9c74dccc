/** Files as real systems export them: each row becomes what a careful person expects, or is refused. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leadImports } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

interface ExpectedRow {
  readonly row: number;
  /** A number, or several of which one is expected; `null` is a refusal. */
  readonly want: string | null | readonly (string | null)[];
  readonly alt?: string;
  readonly name?: string | null | readonly (string | null)[];
  readonly tags?: readonly string[];
}

interface ExpectedFile {
  readonly file: string;
  readonly params: { readonly country?: string };
  readonly rows: readonly ExpectedRow[];
}

const folder = new URL('./exports/', import.meta.url);
const EXPECTED = JSON.parse(await readFile(new URL('expected.json', folder), 'utf8')) as ExpectedFile[];

const anyOf = <T>(wanted: T | readonly T[]): readonly T[] => (Array.isArray(wanted) ? wanted : [wanted as T]);

test.each(EXPECTED.map((expected) => [expected.file, expected] as const))('%s', async (file, { params, rows }) => {
  const { importId, companyId, view } = await imports.imported(await readFile(new URL(file, folder)), params);
  expect(view.status).toBe('completed');
  const found = await imports.rows<{ row: number; phone: string | null; name: string | null; tags: string[] | null }>(
    `select r.row, r.phone_e164 as phone, l.name, to_jsonb(l.tags) as tags
     from import_rows r left join leads l on l.company_id = $2 and l.phone_e164 = r.phone_e164
     where r.import_id = $1 order by r.row`,
    importId,
    companyId,
  );
  expect(found.map(({ row }) => row)).toEqual(rows.map(({ row }) => row));
  for (const [n, { row, want, alt, name, tags }] of rows.entries()) {
    const got = found[n];
    const numbers = [...anyOf(want), ...(alt === undefined ? [] : [alt])];
    expect(numbers, `number of row ${row}`).toContain(got?.phone ?? null);
    if (name !== undefined) expect(anyOf(name), `name of row ${row}`).toContain(got?.name ?? null);
    if (tags !== undefined) expect(got?.tags, `tags of row ${row}`).toEqual(tags);
  }
});
