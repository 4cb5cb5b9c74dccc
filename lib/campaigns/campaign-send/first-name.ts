/** The first name that a message greets with: the part that is known apart, else what the whole name shows. Pure. */

interface Named {
  readonly name: string | null;
  /** The given name, where a source keeps it apart. */
  readonly givenName: string | null;
}

/** `García, María` is María, `Dr. Anna Klein` is Anna, `John Smith, Jr.` is John. Null: no name is known. */
export function firstNameOf({ name, givenName }: Named): string | null {
  const whole = name?.trim() ?? '';
  // Somebody who changed the name alone meant all of it.
  if (givenName && whole.toLowerCase().includes(givenName.toLowerCase())) return givenName;
  const [before = '', behind = ''] = whole.split(COMMA).map((part) => part.trim());
  const words = (behind === '' || SUFFIX.test(behind) ? before : behind).split(/\s+/);
  const named = words.findIndex((word) => !TITLE.test(word));
  return words[named] || words.at(-1) || null;
}

/** Latin, Arabic, and the two of East Asia. */
const COMMA = /[,،，、]/;
/** Behind a comma they follow a name in its usual order. */
const SUFFIX =
  /^(?:(?:jr|sr|jnr|snr|i{2,3}|iv|ph\.?\s?d|m\.?d|d\.?d\.?s|esq|mba|cpa|r\.?n|ll\.?[bm]|[bm]\.?[as]c?|dr|prof|eng|ing)\b\.?[\s.]*)+$/i;
/** In front of a name. Such as are given names too (Don) are missing. */
const TITLE = /^(?:(?:mr|mrs|ms|miss|mx|dr|prof|herr|frau|mme|mlle|sra?|srta|sig)\.?|(?:eng|ing|dipl\.-ing|hr|fr)\.)$/i;
