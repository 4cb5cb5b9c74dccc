/** Addresses of pages: the filter is in them, so that a page can be sent to a colleague. */

type Values = Readonly<Record<string, string | readonly string[] | undefined>>;

/** `path` with those parameters that have a value. */
export function address(path: string, values: Values): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) if (one !== '') query.append(name, one);
  return query.size === 0 ? path : `${path}?${query}`;
}

/** The first value of a parameter, trimmed; undefined if there is none. */
export function one(value: string | string[] | undefined): string | undefined {
  const first = (Array.isArray(value) ? value[0] : value)?.trim();
  return first === '' ? undefined : first;
}

/** All values of a parameter of an address; empty if it is not there. */
export function all(value: string | string[] | undefined): readonly string[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}
