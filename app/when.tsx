/** An instant on a page: UTC, so that two operators read the same. */
export function When({ at }: { at: Date | null }) {
  if (at === null) return <span className="soft">–</span>;
  const iso = at.toISOString();
  return <time dateTime={iso}>{iso.slice(0, 19).replace('T', ' ')}</time>;
}
