/** First: a file of leads through the endpoint that everybody uses. */
import type { DemoApi, Import, Upload } from '../api.ts';
import { share, type WatchOptions, watch } from '../progress.ts';

export interface Imported {
  readonly jobId: string;
  readonly view: Import;
}

const OVER = ['completed', 'failed', 'cancelled'];

export async function importFile(api: DemoApi, upload: Upload, options: WatchOptions): Promise<Imported> {
  const { importId, jobId } = await api.upload(upload);
  options.print(
    `Import    POST /api/imports: ${upload.name}, ${upload.bytes.length} bytes → import ${importId}, job ${jobId}`,
  );
  const look = async () => {
    const view = await api.readImport(importId);
    return { view, done: share(view.progress.percent, 100), says: saysOf(view), isOver: OVER.includes(view.status) };
  };
  const { view } = await watch(look, options);
  return { jobId, view };
}

function saysOf({ status, counts }: Import): string {
  const { created, updated, unchanged, duplicates, skipped, errors } = counts;
  const done = created + updated + unchanged + duplicates + skipped + errors;
  return `${status}, ${done} of ${counts.rows ?? '?'} rows`;
}
