/** Work that is done once, by its first use. Pure. */

/** Answers what `make` made. It runs once, unless it fails: then the next call tries again. */
export function lazily<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Promise<Made> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
