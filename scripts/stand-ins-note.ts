/** Records the addresses of a running app's stand-ins. Written by `npm run dev`, read by the demo, which uses that app. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Origins } from './remote-systems.ts';

export interface Noted {
  readonly app: string;
  readonly origins: Origins;
  /** The app's settings for them, keys included: only the owner may read the file. */
  readonly env: Readonly<Record<string, string>>;
}

const origin = z.url();
const Note = z.object({
  app: z.url(),
  origins: z.object({ whatsapp: origin, bitrix24: origin, llm: origin }),
  env: z.record(z.string(), z.string()),
});
/** A note of an app that uses all three. */
export type CompleteNote = Omit<z.output<typeof Note>, 'app'>;

const pathIn = (folder: string) => join(folder, 'standins.json');

/** Answers what takes the note away again. */
export function noteStandIns(folder: string, noted: Noted): () => void {
  const path = pathIn(folder);
  writeFileSync(path, JSON.stringify(noted), { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/**
 * Reads the note of the app at `app`; null if it does not exist or if one of the systems has real keys. Does not check that the
 * stand-ins answer.
 */
export function notedStandIns(folder: string, app: string): CompleteNote | null {
  const path = pathIn(folder);
  if (!existsSync(path)) return null;
  const note = Note.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  return note.success && new URL(note.data.app).port === new URL(app).port ? note.data : null;
}
