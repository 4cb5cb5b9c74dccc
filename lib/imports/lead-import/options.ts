/** The options that an uploader may choose for an import, in the form that is stored with it. */
import { z } from 'zod';
import { few, text } from '../../fields.ts';
import { ENCODINGS } from './encoding.ts';

/**
 * The fields that a column can feed. A name may come in two halves. `country` and `phoneType` describe the number beside them;
 * `optOut` is a refusal of messages.
 */
export const FIELDS = [
  'phone',
  'name',
  'firstName',
  'lastName',
  'email',
  'source',
  'organisation',
  'notes',
  'tags',
  'country',
  'phoneType',
  'optOut',
] as const;
export type Field = (typeof FIELDS)[number];

/** The fields of a known lead that an import may change. */
export const MERGED = ['name', 'email', 'source', 'organisation', 'notes', 'tags'] as const;
export type Merged = (typeof MERGED)[number];

/** `opt_out`: no row becomes a lead, each number is opted out. */
export const MODES = ['upsert', 'create_only', 'update_only', 'opt_out'] as const;
export const SEVERAL = ['refuse', 'first'] as const;
/** Above the header of a report are its title and its filters; more is another file. */
export const MAX_HEADER_ROW = 20;
export const POLICIES = ['overwrite', 'fill_empty', 'never'] as const;

/** A cell over lines that look like rows: it is one cell as written, or the mark is stray and each line is a row. */
export const QUOTES = ['cells', 'lines'] as const;

/** Shown as a chip and typed in a filter. */
export const MAX_TAG_LENGTH = 50;
/** The most tags of one upload or of one cell; a lead has at most 100. */
export const MAX_TAGS = 20;
/** As the header check: nobody maps more by hand. */
const MAX_CHOSEN_COLUMNS = 500;

export const tag = text(MAX_TAG_LENGTH)
  .trim()
  .min(1)
  .regex(/^[^,;|\p{Cc}]+$/u, "expected a tag without ',', ';', '|' or control characters");
export const mappingName = text(100)
  .trim()
  .min(1)
  .regex(/^\P{Cc}+$/u, 'expected a name without control characters');
const policy = z.enum(POLICIES);

/** Maps a header to a field. `#3` is the third column; it names columns whose header is empty or occurs twice. */
export const chosenColumns = few(MAX_CHOSEN_COLUMNS, text(1_000), z.enum([...FIELDS, 'ignore']));

/** Not strict: what a later version stored must not stop this one. Requests are checked by schemas of their own. */
export const importOptions = z.object({
  /** Permits new leads, changes of known leads, or both. */
  mode: z.enum(MODES).default('upsert'),
  /** The rule for a field of a known lead that already has a value. */
  policy: policy.default('overwrite'),
  /** The same for single fields. */
  policies: z.partialRecord(z.enum(MERGED), policy).default({}),
  /** Under `overwrite`, lets an empty cell clear the field. */
  clear: z.boolean().default(false),
  /** Tags added to every lead that the import creates or updates. */
  tags: z.array(tag).max(MAX_TAGS).default([]),
  columns: chosenColumns.default({}),
  /** The header's row as a spreadsheet shows it, 0 for a file without one; else it is found. */
  headerRow: z.int().min(0).max(MAX_HEADER_ROW).optional(),
  /** The fate of a cell with several good numbers. */
  several: z.enum(SEVERAL).default('refuse'),
  /** A saved mapping, by its name; else one that fits the headers is used. */
  mapping: mappingName.optional(),
  /** Under which name to keep the columns, once the file was checked. */
  saveMapping: mappingName.optional(),
  /** The treatment of a cell that runs over lines which look like rows. Without it the import asks. */
  quotes: z.enum(QUOTES).optional(),
  /** Stop for a confirmation once the file was checked. */
  preview: z.boolean().default(false),
});
export type ImportOptions = z.output<typeof importOptions>;
export type ImportChoice = z.input<typeof importOptions>;

export const encoding = z.enum(ENCODINGS);

/** The rule for one field of a known lead: a policy, `clear` if empty cells empty it, `add` for tags. */
export type Rule = (typeof POLICIES)[number] | 'clear' | 'add';
export type Rules = Readonly<Record<Merged, Rule>>;

/** `isMapped`: a column that the file does not have says nothing, and clears nothing. */
export function rulesOf({ policy, policies, clear }: ImportOptions, isMapped: (field: Merged) => boolean): Rules {
  const ruleOf = (field: Merged): Rule => {
    // Tags gather over imports: to replace them has to be asked for by their name.
    const rule = policies[field] ?? (field === 'tags' && policy !== 'never' ? 'add' : policy);
    return rule === 'overwrite' && clear && isMapped(field) ? 'clear' : rule;
  };
  return Object.fromEntries(MERGED.map((field) => [field, ruleOf(field)])) as Record<Merged, Rule>;
}
