/** Runs pages and server actions inside a request of Next.js, without its server: its own storages hold the headers, cookies and the phase. */
import './environment.ts';

import { workAsyncStorage } from 'next/dist/server/app-render/work-async-storage.external.js';
import { workUnitAsyncStorage } from 'next/dist/server/app-render/work-unit-async-storage.external.js';
import { createRequestStoreForAPI } from 'next/dist/server/async-storage/request-store.js';
import { AppRouterContext } from 'next/dist/shared/lib/app-router-context.shared-runtime.js';
import { PathnameContext } from 'next/dist/shared/lib/hooks-client-context.shared-runtime.js';
import { type ComponentType, createElement, type ReactNode } from 'react';
import { renderToReadableStream } from 'react-dom/server.edge';

/** Runs `act` as Next.js runs a page (`render`), or an action or a route handler (`action`). Waits for what it left to `after`. */
export async function inRequest<Result>(
  request: Request,
  phase: 'render' | 'action',
  act: () => Promise<Result>,
): Promise<Result> {
  const { pathname, search } = new URL(request.url);
  const behind: Promise<unknown>[] = [];
  const later = (task: unknown) => {
    behind.push(Promise.resolve(typeof task === 'function' ? task() : task));
  };
  const work = { route: pathname, page: `${pathname}/page`, incrementalCache: {}, afterContext: { after: later } };
  const unit = createRequestStoreForAPI(
    { headers: request.headers } as never,
    { pathname, search },
    {} as never,
    undefined,
    undefined as never,
    undefined,
  );
  unit.phase = phase;
  try {
    return await workAsyncStorage.run(work as never, () => workUnitAsyncStorage.run(unit, act));
  } finally {
    await Promise.all(behind);
  }
}

const NO_ROUTER = { push() {}, replace() {}, refresh() {}, back() {}, forward() {}, prefetch() {} };

/** Renders a page inside its layout to HTML. Rejects with the first error of any of its components, `redirect` and `notFound` included. */
export async function render(
  pathname: string,
  layout: ComponentType<{ children: ReactNode }>,
  page: ReactNode,
): Promise<string> {
  const errors: unknown[] = [];
  const tree = createElement(
    AppRouterContext.Provider,
    { value: NO_ROUTER as never },
    createElement(PathnameContext.Provider, { value: pathname }, createElement(layout, null as never, page)),
  );
  const stream = await renderToReadableStream(tree, { onError: (error: unknown) => void errors.push(error) });
  await stream.allReady;
  const html = await new Response(stream).text();
  if (errors.length > 0) throw errors[0];
  return html;
}
