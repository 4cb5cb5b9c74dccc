/** Fills a prompt's variables in, strictly and once: what a customer wrote is never read as a template. Pure. */

/** Variables of a system prompt: the company's own words. It never contains text that a customer wrote or that was imported. */
export const SYSTEM_VARIABLES = ['company', 'tone', 'languages', 'max_length', 'intents'] as const;
/** Additional variables of the user's message. The earlier conversation is sent as messages, not by a variable. */
export const USER_VARIABLES = ['message', 'customer_name'] as const;

/** The template is wrong: which variable, and what there is. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

const VARIABLE = /\{\{\s*([a-z_]+)\s*\}\}/g;

/** The variables of a template, each once, in order. Throws TemplateError for unknown ones and for braces that name none. */
export function variablesOf(template: string, allowed: readonly string[]): string[] {
  const found = [...new Set(Array.from(template.matchAll(VARIABLE), ([, name = '']) => name))];
  const unknown = found.filter((name) => !allowed.includes(name));
  if (unknown.length > 0) throw new TemplateError(`expected only ${listed(allowed)}, got ${listed(unknown)}`);
  const rest = template.replace(VARIABLE, '');
  if (/\{\{|\}\}/.test(rest)) throw new TemplateError('expected {{ and }} only around the name of a variable');
  return found;
}

/**
 * Throws TemplateError for a variable without a value. The replacement is a function: in a string, a customer's `$&` would be
 * read as an instruction. Values are not looked at again, so `{{company}}` in one stays as it is.
 */
export function render(template: string, values: Readonly<Record<string, string>>): string {
  variablesOf(template, Object.keys(values));
  return template.replace(VARIABLE, (_, name: string) => values[name] ?? '');
}

function listed(names: readonly string[]): string {
  return names.map((name) => `{{${name}}}`).join(', ');
}
