/** Nested values as PHP reads them from a query string: the commands of a batch are such strings. */

/** `{fields: {title: 'A', fm: [{value: 1}]}}` → `fields[title]=A&fields[fm][0][value]=1`, encoded once. Null is sent as empty. */
export function queryOf(params: Readonly<Record<string, unknown>>): string {
  return Object.entries(params)
    .flatMap(([key, value]) => pairs(encodeURIComponent(key), value))
    .join('&');
}

function pairs(path: string, value: unknown): string[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null)
    return [`${path}=${value === null ? '' : encodeURIComponent(String(value))}`];
  return Object.entries(value).flatMap(([key, inner]) => pairs(`${path}[${encodeURIComponent(key)}]`, inner));
}
