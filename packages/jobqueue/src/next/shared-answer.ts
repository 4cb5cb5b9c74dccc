/** Gives one answer to all who ask at about the same time: an open endpoint costs the database the same, however often it is called. */

/** Calls `ask` at most once in `forMs`, and gives its answer, or its rejection, to everyone who calls meanwhile. */
export function sharedAnswer<Answer>(ask: () => Promise<Answer>, { forMs }: { forMs: number }): () => Promise<Answer> {
  let asked: { readonly atMs: number; readonly answer: Promise<Answer> } | null = null;
  return () => {
    const now = performance.now();
    if (asked === null || now - asked.atMs >= forMs) asked = { atMs: now, answer: ask() };
    return asked.answer;
  };
}
