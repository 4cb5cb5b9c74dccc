/** Tells `npm run fuzz` on stderr how far it is; silent elsewhere. */

const startedMs = performance.now();
let done = 0;
let toldMs = startedMs;

export function noteCases(cases: number, all: number): void {
  done += cases;
  if (process.env.FUZZ_PROGRESS !== '1') return;
  const nowMs = performance.now();
  if (nowMs - toldMs < 5_000 && done < all) return;
  toldMs = nowMs;
  const perSecond = Math.round(done / ((nowMs - startedMs) / 1_000));
  const { rss, heapUsed } = process.memoryUsage();
  process.stderr.write(
    `fuzz: ${done.toLocaleString('en')} of ${all.toLocaleString('en')} cases, ${perSecond} a second, ${mib(rss)} MiB with a heap of ${mib(heapUsed)}\n`,
  );
}

let files = 0;

/** Notes that one more file of a hostile kind went the whole way. */
export function noteFiles(): void {
  files++;
  if (process.env.FUZZ_PROGRESS !== '1') return;
  const nowMs = performance.now();
  if (nowMs - toldMs < 5_000) return;
  toldMs = nowMs;
  const { rss, heapUsed } = process.memoryUsage();
  process.stderr.write(`fuzz: ${files} files, ${mib(rss)} MiB with a heap of ${mib(heapUsed)}\n`);
}

export function noteKept(bytes: number): void {
  if (process.env.FUZZ_PROGRESS === '1')
    process.stderr.write(`fuzz: ${mib(bytes)} MiB more are kept than after the first entry\n`);
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
