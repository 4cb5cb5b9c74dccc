/** Schemas of the requests to /api/imports. Anything else is a 400 that names the parameter. */
import { z } from 'zod';
import { companyId, clientId as id, text } from '../fields.ts';
import { isCountry } from '../phone/index.ts';
import type { Answer } from './confirm.ts';
import { DELIMITERS } from './lead-import/dialect.ts';
import { encoding, type ImportChoice, importOptions, MAX_HEADER_ROW, mappingName } from './lead-import/options.ts';
import { MAX_FILE_BYTES, MAX_PARTS } from './parts.ts';

/** An address can hold anything, a NUL byte for one, which Postgres refuses. */
export const isImportId = (text: string): boolean => id.safeParse(text).success;
const yes = z.literal('1');
const yesOrNo = z.enum(['0', '1']).transform((value) => value === '1');
const { mode, policy, policies, clear, tags, columns, mapping, quotes, saveMapping, several } = importOptions.shape;
const headerRow = z.int().min(0).max(MAX_HEADER_ROW);

/** Longer than any address that the platform takes; more columns go into the body of a confirmation. */
const MAX_JSON = 8_000;

/** In an address a value is text: what has a structure is JSON. */
function json<Schema extends z.ZodType>(schema: Schema) {
  return z
    .string()
    .max(MAX_JSON)
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'expected JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);
}

const country = z.string().toUpperCase().refine(isCountry, 'expected a country of ISO 3166, as in AE');
const delimiter = z.enum([...DELIMITERS, 'tab']).transform((value) => (value === 'tab' ? '\t' : value));
const anyCase = z.string().toLowerCase().pipe(encoding);

/** Options of an import that an address may carry. */
const choices = {
  country: country.optional(),
  delimiter: delimiter.optional(),
  encoding: anyCase.optional(),
  dryRun: yesOrNo.optional(),
  mode: mode.unwrap().optional(),
  policy: policy.unwrap().optional(),
  policies: json(policies.unwrap()).optional(),
  clear: yesOrNo.optional(),
  tags: z
    .string()
    .transform((list) => list.split(',').filter((tag) => tag.trim() !== ''))
    .pipe(tags.unwrap())
    .optional(),
  columns: json(columns.unwrap()).optional(),
  mapping: mapping,
  quotes,
  headerRow: z.coerce.number().pipe(headerRow).optional(),
  several: several.unwrap().optional(),
};
const kept = {
  saveMapping,
  preview: yesOrNo.optional(),
  fileName: text(255).optional(),
  createCompany: yesOrNo.optional(),
};

export const uploadQuery = z.strictObject({ companyId, id: id.optional(), ...choices, ...kept });
export const partQuery = z.strictObject({
  id,
  part: z.coerce.number().int().min(1).max(MAX_PARTS),
  companyId: companyId.optional(),
  ...choices,
  ...kept,
});
export const finishQuery = z.strictObject({ id, finish: yes });
export const cancelQuery = z.strictObject({ id, cancel: yes });
export const pauseQuery = z.strictObject({ id, pause: yes });
export const resumeQuery = z.strictObject({ id, resume: yes });
export const undoQuery = z.strictObject({ id, undo: yes });
export const confirmQuery = z.strictObject({ id, confirm: yes });
export const statusQuery = z.strictObject({
  id,
  errors: z.literal('csv').optional(),
  kept: z.literal('csv').optional(),
  warnings: z.literal('csv').optional(),
});
export const previewQuery = z.strictObject({ id, preview: yes, ...choices });
export const mappingsQuery = z.strictObject({ companyId, mappings: yes });
export const forgetQuery = z.strictObject({ companyId, forgetMapping: mappingName });

/** The changes that a confirmation may make. All are optional: an empty object accepts the preview. */
export const confirmation = z
  .strictObject({
    country: country.optional(),
    delimiter: delimiter.optional(),
    encoding: anyCase.optional(),
    dryRun: z.boolean().optional(),
    mode: mode.unwrap().optional(),
    policy: policy.unwrap().optional(),
    policies: policies.unwrap().optional(),
    clear: clear.unwrap().optional(),
    tags: tags.unwrap().optional(),
    columns: columns.unwrap().optional(),
    mapping,
    quotes,
    saveMapping,
    headerRow: headerRow.optional(),
    several: several.unwrap().optional(),
  })
  .default({});

/** 500 columns by hand, with their headers. */
export const CONFIRMATION_BYTES = 256 * 1024;

type Choices = Omit<z.output<typeof uploadQuery>, 'companyId' | 'id' | 'fileName' | 'createCompany'>;

/** The options that the caller set. Defaults are left out, because they must not replace an earlier choice. */
export function chosen({
  country,
  delimiter,
  encoding,
  dryRun,
  ...options
}: Choices): Answer & { options: ImportChoice } {
  const said = Object.entries(options).filter(([, value]) => value !== undefined);
  return { country, delimiter, encoding, dryRun, options: Object.fromEntries(said) };
}

/** The file that the client has sent in parts, as it knows it. */
export const wholeFile = z.strictObject({
  size: z.int().min(1).max(MAX_FILE_BYTES),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'expected 64 hexadecimal digits')
    .toLowerCase(),
});

/** `wholeFile` is a hundred bytes; anything larger is something else. */
export const WHOLE_FILE_BYTES = 1024;
