/** Loads a page whose rows arrive late: each while React looks for it again, where the React of Next.js 15 loses its place. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';

/** React's look at a row of the page's data. */
interface Row {
  readonly status: string;
  looks?: number;
}

type Push = (part: readonly [kind: number, text: string]) => void;

/** The browser's side. */
interface Late {
  __next_f: { push: Push };
  lookedFor(row: Row): void;
  /** Rows that React has looked for twice before they arrived. */
  awaited: number;
}

/** In React's reader: the row has not arrived. */
const LOOK = /(case"pending":case"blocked":(?:case"halted":)?throw )(\w+)/;

/**
 * A row arrives when React looks for it a second time, and with number `last` all that are left. React reports a lost place only if nothing
 * else is missing when it begins anew, so each row has to be the last in one load. `folder`: of the built app, which serves `path`.
 */
export async function loadLate(context: BrowserContext, folder: string, path: string, last: number) {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`${path}, row ${last}: ${error}`));
  await page.addInitScript(holdRows, last);
  await page.route('**/_next/static/**/*.js', async (route) => {
    const built = decodeURIComponent(new URL(route.request().url()).pathname).replace('/_next/', '.next/');
    const script = await readFile(join(folder, built), 'utf8');
    await route.fulfill({ contentType: 'text/javascript', body: script.replace(LOOK, '$1(lookedFor($2),$2)') });
  });
  await page.goto(path);
  await page.waitForFunction(() => {
    // biome-ignore lint/suspicious/noExplicitAny: React's own
    const roots = Object.entries(document as any).filter(([name]) => name.startsWith('__reactContainer'));
    // biome-ignore lint/suspicious/noExplicitAny: React's own
    return roots.some(([, root]: [string, any]) => root.stateNode.current.memoizedState.isDehydrated === false);
  });
  const awaited = await page.evaluate(() => (globalThis as unknown as Late).awaited);
  await page.close();
  return { awaited, complaints };
}

/** Runs in the page, before its scripts. */
function holdRows(last: number): void {
  const late = globalThis as unknown as Late;
  let data = '';
  let rows: string[] | undefined;
  let take: Push | undefined;
  late.awaited = 0;

  // Next.js takes over by setting `push`; until then its inline scripts fill the list.
  const early: Parameters<Push>[0][] = [];
  const push: Push = (part) => {
    if (part[0] === 1) data += part[1];
    else if (take === undefined) early.push(part);
    else take(part);
  };
  late.__next_f = Object.defineProperty({ forEach: (each: Push) => early.forEach(each) } as never, 'push', {
    get: () => push,
    set: (given: Push) => {
      take = given;
      begin();
    },
  });

  // Next.js ends the data at DOMContentLoaded.
  const listen = document.addEventListener.bind(document);
  Object.defineProperty(document, 'readyState', { get: () => 'loading' });
  document.addEventListener = (type: string, ...rest: [never]) => {
    if (type !== 'DOMContentLoaded') listen(type, ...rest);
  };
  let isParsed = false;
  listen('DOMContentLoaded', () => {
    isParsed = true;
    begin();
  });

  function begin(): void {
    if (!isParsed || take === undefined || rows !== undefined) return;
    rows = data.split(/(?<=\n)/);
    for (const row of rows.splice(0, 1 + rows.findIndex((each) => each.startsWith('0:')))) take([1, row]);
  }

  async function arrive(isEnough: () => boolean): Promise<void> {
    while (!isEnough() && rows?.length) {
      next();
      for (let turn = 0; turn < 30; turn += 1) await undefined; // its reader takes a few microtasks, React's next look is a task
    }
  }

  function next(): void {
    const row = rows?.shift();
    if (row !== undefined) take?.([1, row]);
  }

  let isIdle = true;
  late.lookedFor = (row) => {
    isIdle = false;
    row.looks = (row.looks ?? 0) + 1;
    if (row.looks !== 2) return;
    late.awaited += 1;
    const isHere = () => row.status !== 'pending' && row.status !== 'blocked';
    const isEnough = late.awaited >= last ? () => false : isHere;
    queueMicrotask(() => arrive(isEnough));
  };
  // React waits for promises without a look at them.
  setInterval(() => {
    if (isIdle) next();
    isIdle = true;
  }, 100);
}
