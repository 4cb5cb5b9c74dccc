/** Reads and writes PHP's form encoding, which portals use. */

/** PHP writes an empty map as a list. */
export function php(map: Record<string, unknown>): unknown {
  return Object.keys(map).length === 0 ? [] : map;
}

/** `a[b][0]=1` → {a: {b: {0: '1'}}}. */
export function phpQuery(query: string): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of new URLSearchParams(query)) {
    const path = key.replaceAll(']', '').split('[');
    let at = root;
    for (const step of path.slice(0, -1)) {
      at[step] ??= {};
      at = at[step] as Record<string, unknown>;
    }
    at[path.at(-1) as string] = value;
  }
  return root;
}

export function digits(phone: string): string {
  return phone.replace(/\D/g, '').replace(/^00/, '');
}
