/** What a template has to be filled in with: its parameters, where a campaign takes them from, and Meta's shape of them. Pure. */
import type { TemplateComponent, TemplateParameter } from '../../providers/whatsapp.ts';
import { keyOf, type Parameter } from '../../templates/parameter.ts';

/** Where a campaign takes a parameter from: a text for all, or a field of the person. */
export type Source = { readonly value: string } | { readonly field: string; readonly fallback?: string | undefined };

/**
 * The text for each key; `missing` names the first that there is nothing for. Meta refuses empty values, line breaks, tabs and
 * more than four blanks in a row, so white space becomes one blank.
 */
export function fill(
  sources: Readonly<Record<string, Source>>,
  fields: Readonly<Record<string, string | null>>,
): { readonly texts: Record<string, string>; readonly missing: string | null } {
  const texts: Record<string, string> = {};
  for (const [key, source] of Object.entries(sources)) {
    const given = 'value' in source ? source.value : Object.hasOwn(fields, source.field) ? fields[source.field] : null;
    const text = oneLine(given ?? '') || oneLine('value' in source ? '' : (source.fallback ?? ''));
    if (text === '') return { texts: {}, missing: key };
    texts[key] = text;
  }
  return { texts, missing: null };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** The filled gaps, component by component; `null` where the template now wants what the recipient was not planned with. */
export function componentsOf(
  { parameters, format }: { readonly parameters: readonly Parameter[]; readonly format: 'POSITIONAL' | 'NAMED' },
  texts: Readonly<Record<string, string>>,
): TemplateComponent[] | null {
  const filled = new Map<string, { of: Parameter; parameters: TemplateParameter[] }>();
  for (const parameter of parameters) {
    const text = texts[keyOf(parameter)];
    if (text === undefined) return null;
    const { component, name, index = 0 } = parameter;
    const key = component === 'button' ? `button.${index}` : component;
    const one = filled.get(key) ?? { of: parameter, parameters: [] };
    one.parameters.push({ type: 'text', text, ...(format === 'NAMED' && component !== 'button' && { name }) });
    filled.set(key, one);
  }
  return Array.from(filled.values(), ({ of, parameters }) =>
    of.component === 'button'
      ? { type: 'button', subType: 'url', index: of.index ?? 0, parameters }
      : { type: of.component, parameters },
  );
}
