/** What a client may ask of /api/imports, as schemas: anything else is a 400 that names the parameter. */
import { isSupportedCountry } from 'libphonenumber-js/min';
import { z } from 'zod';
import { MAX_FILE_BYTES, MAX_PARTS } from './parts.ts';

/** Made by us as a UUID, or the client's own: then a repeated request is the same upload. */
const id = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/, "expected 8 to 64 letters, digits, '_' or '-'");
/** An address can hold anything, a NUL byte for one, which Postgres refuses. */
export const isImportId = (text: string): boolean => id.safeParse(text).success;
const companyId = z.string().regex(/^[A-Za-z0-9_.:@-]{1,100}$/, "expected 1 to 100 letters, digits or '_.:@-'");
const yes = z.literal('1');

const options = {
  country: z.string().toUpperCase().refine(isSupportedCountry, 'expected a country of ISO 3166, as in AE').optional(),
  delimiter: z
    .enum([',', ';', '|', '\t', 'tab'])
    .transform((value) => (value === 'tab' ? '\t' : value))
    .optional(),
  fileName: z.string().max(255).optional(),
};

export const uploadQuery = z.strictObject({ companyId, id: id.optional(), ...options });
export const partQuery = z.strictObject({
  id,
  part: z.coerce.number().int().min(1).max(MAX_PARTS),
  companyId: companyId.optional(),
  ...options,
});
export const finishQuery = z.strictObject({ id, finish: yes });
export const cancelQuery = z.strictObject({ id, cancel: yes });
export const statusQuery = z.strictObject({ id, errors: z.literal('csv').optional() });

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
