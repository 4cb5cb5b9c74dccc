/** The text of each parameter for one person, from where the campaign takes it. Pure. */

/** The source of a parameter: one text for all, or a field of the person. */
export type Source = { readonly value: string } | { readonly field: string; readonly fallback?: string | undefined };

/**
 * The text for each key; none for those that there is nothing for. Meta refuses empty values, line breaks, tabs and more than four
 * blanks in a row, so white space becomes one blank.
 */
export function fill(
  sources: Readonly<Record<string, Source>>,
  fields: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [key, source] of Object.entries(sources)) {
    const given = 'value' in source ? source.value : Object.hasOwn(fields, source.field) ? fields[source.field] : null;
    const text = oneLine(given ?? '') || oneLine('value' in source ? '' : (source.fallback ?? ''));
    if (text !== '') texts[key] = text;
  }
  return texts;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
