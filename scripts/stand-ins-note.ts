/** Where the stand-ins of an app that runs answer: noted by `npm run dev` for the demo, which uses that app. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Origins } from './remote-systems.ts';

export interface Noted {
  readonly app: string;
  readonly origins: Origins;
  /** What the app was told of them, keys included: the file is for its owner only. */
  readonly env: Readonly<Record<string, string>>;
}

const origin = z.url();
const Note = z.object({
  app: z.url(),
  origins: z.object({ whatsapp: origin, bitrix24: origin, llm: origin }),
  env: z.record(z.string(), z.string()),
});
/** Of an app that uses all three. */
export type CompleteNote = Omit<z.output<typeof Note>, 'app'>;

const pathIn = (folder: string) => join(folder, 'standins.json');

/** Answers what takes the note away again. */
export function noteStandIns(folder: string, noted: Noted): () => void {
  const path = pathIn(folder);
  writeFileSync(path, JSON.stringify(noted), { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/** Of the app at `app`; null if there is no such note, or one of them has real keys. Whether they answer is for the caller to find out. */
export function notedStandIns(folder: string, app: string): CompleteNote | null {
  const path = pathIn(folder);
  if (!existsSync(path)) return null;
  const note = Note.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  return note.success && new URL(note.data.app).port === new URL(app).port ? note.data : null;
}
