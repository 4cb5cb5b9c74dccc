/** Uploads one file and drains until its import has ended, telling how far it is meanwhile. */
import { setTimeout as wait } from 'node:timers/promises';
import { SetupError } from '../setupError.ts';
import type { DemoApi, Import, Report, Upload } from './api.ts';

export interface ImportOptions extends Upload {
  readonly print: (line: string) => void;
  readonly stop: AbortSignal;
}

export interface Imported {
  readonly jobId: string;
  readonly view: Import;
  /** Of the drain that claimed the job; of the last one if that was somebody else's. */
  readonly report: Report;
}

/** A person watches. */
const LOOK_MS = 100;
/** Another drain may hold the job: then ours finds nothing, and looks again. */
const DRAIN_AGAIN_MS = 500;
/** The largest file that one request carries takes a minute on two busy cores. */
const END_MS = 10 * 60_000;

export async function importFile(api: DemoApi, { print, stop, ...upload }: ImportOptions): Promise<Imported> {
  const { importId, jobId } = await api.upload(upload);
  print(`Upload    POST /api/imports: ${upload.name}, ${upload.bytes.length} bytes → import ${importId}, job ${jobId}`);
  print('Tick      GET /api/cron/drain');
  const endAtMs = Date.now() + END_MS;
  let told = '';
  const tell = (view: Import) => {
    const line = progressOf(view);
    if (line !== told) print(line);
    told = line;
  };
  for (;;) {
    const draining = api.drain();
    const report = await watched(draining, async () => tell(await api.readImport(importId)), stop);
    const view = await api.readImport(importId);
    tell(view);
    if (view.status !== 'pending' && view.status !== 'running') return { jobId, view, report };
    if (Date.now() > endAtMs)
      throw new SetupError(`The import is still ${view.status} after ${END_MS / 60_000} minutes.`);
    await wait(DRAIN_AGAIN_MS, undefined, { signal: stop });
  }
}

/** Looks again and again until `work` is done. */
async function watched<T>(work: Promise<T>, look: () => Promise<void>, stop: AbortSignal): Promise<T> {
  const done = new AbortController();
  const ended = work.finally(() => done.abort());
  ended.catch(() => undefined); // it is awaited below; a look that fails first must not leave it unheard
  while (!done.signal.aborted) {
    await look();
    await wait(LOOK_MS, undefined, { signal: AbortSignal.any([stop, done.signal]) }).catch(() => undefined);
    stop.throwIfAborted();
  }
  return ended;
}

function progressOf({ status, progress, counts }: Import): string {
  const { created, updated, unchanged, duplicates, errors } = counts;
  const bar = '█'.repeat(Math.round(progress.percent / 5)).padEnd(20, '░');
  const done = created + updated + unchanged + duplicates + errors;
  return `          ${bar} ${String(progress.percent).padStart(3)} %  ${status}, ${done} of ${counts.rows ?? '?'} rows`;
}
