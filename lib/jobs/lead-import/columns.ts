/** Which column of a file means what, by its header. Synonyms stand in order of preference: WhatsApp before mobile before phone. */
import { FIELDS, type Field, type Merged } from './options.ts';
import { cleanLine } from './text.ts';

const SYNONYMS = {
  phone: [
    'whatsapp',
    'whatsapp number',
    'whatsapp no',
    'whatsapp phone',
    'mobile',
    'mobile number',
    'mobile no',
    'mobile phone',
    'mobile 1',
    'cell',
    'cell phone',
    'cellphone',
    'cell number',
    'phone',
    'phone number',
    'phone no',
    'phone 1',
    'phone 1 value',
    'primary phone',
    'primary phone number',
    'telephone',
    'telephone number',
    'tel',
    'tel no',
    'contact number',
    'contact no',
    'contact phone',
    'msisdn',
    'mobile 2',
    'phone 2',
    'phone 2 value',
    'secondary phone',
    'alternate phone',
    'other phone',
  ],
  name: [
    'name',
    'full name',
    'fullname',
    'lead name',
    'contact name',
    'customer name',
    'client name',
    'contact',
    'customer',
    'client',
  ],
  firstName: ['first name', 'firstname', 'given name', 'forename'],
  lastName: ['last name', 'lastname', 'surname', 'family name'],
  email: [
    'email',
    'email address',
    'email 1',
    'e mail',
    'e mail address',
    'e mail 1 value',
    'primary email',
    'mail',
    'email 2',
  ],
  source: ['source', 'lead source', 'utm source', 'channel'],
  organisation: [
    'company',
    'company name',
    'organisation',
    'organization',
    'organization name',
    'employer',
    'business',
  ],
  notes: ['notes', 'note', 'comments', 'comment', 'remarks', 'description'],
  tags: ['tags', 'tag', 'labels', 'label'],
} as const satisfies Record<Field, readonly string[]>;

/** Per field the indexes of its columns, best first. A row's value is the first that is not empty. */
export type Columns = { readonly [field in Field]: readonly number[] };

/** Per field. Nobody has more; a header that says Phone 9,000 times would make every look at its import take seconds. */
const MAX_COLUMNS = 20;

/** By the headers alone. */
export function mapColumns(header: readonly string[]): Columns {
  const names = header.map(canonical);
  return columnsOf((field) =>
    SYNONYMS[field].flatMap((synonym) => names.flatMap((name, index) => (name === synonym ? [index] : []))),
  );
}

/** Makes columns of what `indexesOf` says for each field. */
export function columnsOf(indexesOf: (field: Field) => readonly number[]): Columns {
  const entries = FIELDS.map((field): [Field, readonly number[]] => [field, indexesOf(field).slice(0, MAX_COLUMNS)]);
  return Object.fromEntries(entries) as Record<Field, readonly number[]>;
}

/** What each column of a header means; `null`: nothing, it is ignored. */
export function fieldsOf(columns: Columns, width: number): (Field | null)[] {
  const fields: (Field | null)[] = Array(width).fill(null);
  for (const field of FIELDS) for (const index of columns[field]) fields[index] = field;
  return fields;
}

/** Whether a column says something about a field of a lead. A name may come in two halves. */
export function isMapped(columns: Columns, field: Merged): boolean {
  const from = field === 'name' ? (['name', 'firstName', 'lastName'] as const) : [field];
  return from.some((column) => columns[column].length > 0);
}

/** `E-mail_Address*` and `e mail address` are one name. */
export function canonical(name: string): string {
  return cleanLine(name)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
