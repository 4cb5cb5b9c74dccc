/** The known names nearest to a misspelt one. Pure. */

/** A hint is one line. */
const SHOWN = 3;
/** Both are names, of at most 100 characters: 10,000 steps a pair. */
const COMPARED = 1_000;

/** The three nearest by edit distance, the nearest first, upper and lower case alike. */
export function nearest(name: string, known: readonly string[]): readonly string[] {
  return known
    .slice(0, COMPARED)
    .map((one) => ({ one, distance: distance(name.toLowerCase(), one.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || (a.one < b.one ? -1 : 1))
    .slice(0, SHOWN)
    .map(({ one }) => one);
}

/** Edits of one character, two neighbours exchanged among them: optimal string alignment, two rows kept. */
function distance(a: string, b: string): number {
  let [before, above] = [[] as number[], Array.from({ length: b.length + 1 }, (_, n) => n)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const edited = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + cost);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(isSwap ? Math.min(edited, (before[j - 2] ?? 0) + 1) : edited);
    }
    [before, above] = [above, row];
  }
  return above[b.length] ?? 0;
}
