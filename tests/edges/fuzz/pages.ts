/// <reference types="vite/types/importMeta.d.ts" />
/** The pages of the console and of the app, and their files, with hostile paths and queries: rendered to HTML by the components themselves. */
import './environment.ts';

import { type ComponentType, createElement, type ReactNode } from 'react';
import Layout from '../../../app/layout.tsx';
import { SCREENS } from '../../../packages/console/src/screens/index.tsx';
import fc, { type Arbitrary } from '../../support/property.ts';
import { type Asked, type Entry, isShut, type Outcome, withQuery } from './entry.ts';
import { inRequest, render } from './next-scope.ts';
import { hostileText } from './values.ts';
import { atTheProxy, headersOf, ORIGIN, SECOND_WALL, thrown, VIEWER, WRONG_SESSIONS } from './visitor.ts';

type Sent = Record<string, string | string[]>;
type Page = ComponentType<{ params: Promise<object>; searchParams: Promise<object> }>;
type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>;

const PAGES = import.meta.glob<{ default: Page }>('../../../app/**/page.tsx');
const ROUTES = import.meta.glob<{ GET: Route }>('../../../app/**/route.ts');

const inTree = (file: string) => file.replace('../../../', '');
const pathOf = (file: string) => inTree(file).replace(/^app|\/(page|route)\.tsx?$/g, '');

/** What the addresses of our own pages hold, beside what nobody would write. */
const VALUES = fc.oneof(
  { weight: 3, arbitrary: hostileText },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...[
        '1',
        '2',
        '3',
        'co1',
        'import-1',
        'campaign-1',
        'hello/en',
        'crm_sync',
        'lead_import',
        'default',
        '*',
        '0',
        '-1',
      ],
      ...['PENDING', 'PROCESSING', 'COMPLETED', 'DEAD_LETTER', 'CANCELLED', 'in_force', 'lifted', 'any', 'operator'],
      ...[
        'create',
        'add',
        'amend',
        'free_key',
        'cancel',
        'replay',
        'reschedule',
        'set_priority',
        'override',
        'company',
        'whatsapp',
      ],
      ...['2026-12-01T00:00', '0000-01-01T00:00Z', '9999-12-31T23:59', 'd41d8cd98f00b204e9800998ecf8427e'],
      ...['request_invalid', 'settings', 'WyIxIl0x', '1_1', '00000000-0000-4000-8000-000000000000', '1,2,3,x'],
    ),
  },
);
const value = fc.oneof({ weight: 6, arbitrary: VALUES }, { weight: 1, arbitrary: fc.array(VALUES, { maxLength: 3 }) });

/** Parameters of any of our pages' addresses, found in their sources: a page reads those that it knows. */
const SOURCES = import.meta.glob<string>(
  ['../../../app/**/*.{ts,tsx}', '../../../packages/console/src/screens/**/*.{ts,tsx}'],
  {
    query: '?raw',
    import: 'default',
    eager: true,
  },
);
const NAMES = [
  ...new Set(
    Object.values(SOURCES).flatMap((source) =>
      [...source.matchAll(/\b(?:sent|searchParams|params|given|asked)\.(\w+)|\bname="([\w-]+)"/g)].map(
        ([, read, field]) => read ?? field ?? '',
      ),
    ),
  ),
  'column-1',
  'x',
].sort();

const asked = (path: string): Arbitrary<Asked> =>
  fc.record({
    params: fc.record(
      Object.fromEntries(
        [...path.matchAll(/\[(\w+)\]/g)].map(([, name]) => [name as string, fc.oneof(VALUES, hostileText)]),
      ),
    ),
    query: fc.dictionary(
      fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...NAMES) }, { weight: 1, arbitrary: hostileText }),
      value,
      {
        maxKeys: 6,
        noNullPrototype: true,
      },
    ),
  }) as Arbitrary<Asked>;

const encoded = (segment: string) => encodeURIComponent(segment.toWellFormed());
const fill = (path: string, params: Readonly<Record<string, string>> = {}) =>
  path.replace(/\[(\w+)\]/g, (_, name) => encoded(params[name] ?? '') || '%00');

/** A stranger is led to the login, or shown it where the page stood. An address that is too long is cut first. */
const isAtLogin = (outcome: Outcome): boolean =>
  isShut(outcome) ||
  outcome.isUnread === true ||
  (outcome.status === 303 && /^(https:\/\/queue\.example)?\/login(\?|$)/.test(outcome.text)) ||
  outcome.text.includes('name="secret"');

interface Shown {
  readonly name: string;
  readonly place: string;
  readonly path: string;
  readonly answer: (request: Request, params: Record<string, string>) => Promise<Outcome>;
  readonly isOpen?: boolean;
}

/** A page behind the session. A viewer may look, too. */
function page({ name, place, path, answer, isOpen = false }: Shown): Entry {
  return {
    name,
    place,
    asked: asked(path).chain((drawn) =>
      fc.boolean().map((isViewer) => ({ ...drawn, headers: { role: isViewer ? VIEWER : '' } })),
    ),
    wrongKeys: isOpen ? [] : WRONG_SESSIONS,
    isClosed: isAtLogin,
    reads: true,
    slow: 2,
    async send({ params, query, headers: { role } = {} }, key) {
      const url = withQuery(`${ORIGIN}${fill(path, params)}`, query);
      const headers = headersOf(key === 'right' && role ? role : key);
      const stopped = key.endsWith(SECOND_WALL) ? null : await atTheProxy(url, { headers });
      if (stopped !== null) return stopped;
      const segments = Object.fromEntries(Object.entries(params ?? {}).map(([name, value]) => [name, encoded(value)]));
      return answer(new Request(url, { headers }), segments);
    },
  };
}

/** As Next.js reads an address: a name that comes twice has a list. */
function sentOf(url: string): Sent {
  const { searchParams } = new URL(url);
  return Object.fromEntries(
    [...new Set(searchParams.keys())].map((name) => {
      const all = searchParams.getAll(name);
      return [name, all.length > 1 ? all : (all[0] ?? '')];
    }),
  );
}

async function rendered(request: Request, load: () => Promise<{ default: Page }>, params: object): Promise<Outcome> {
  const { default: Shown } = await load();
  const props = { params: Promise.resolve(params), searchParams: Promise.resolve(sentOf(request.url)) };
  try {
    const frame = Layout as unknown as ComponentType<{ children: ReactNode }>;
    const html = await inRequest(request, 'render', () =>
      render(new URL(request.url).pathname, frame, createElement(Shown, props)),
    );
    return { status: 200, text: html, isRefused: false };
  } catch (error) {
    return thrown(error);
  }
}

const CONSOLE = '../../../app/[[...path]]/page.tsx';

const screens = [...SCREENS.map(({ path }) => path), '/login', '/no-such-page'].map((path) =>
  page({
    name: `the screen ${path}`,
    place: `screen ${path}`,
    path,
    isOpen: path === '/login',
    answer: (request, params) => {
      const segments = fill(path, params).split('/').slice(1).filter(Boolean);
      return rendered(request, PAGES[CONSOLE] as () => Promise<{ default: Page }>, { path: segments });
    },
  }),
);

const pages = Object.entries(PAGES)
  .filter(([file]) => file !== CONSOLE)
  .map(([file, load]) =>
    page({
      name: `the page ${pathOf(file)}`,
      place: inTree(file),
      path: pathOf(file),
      answer: (request, params) => rendered(request, load, params),
    }),
  );

const files = Object.entries(ROUTES).map(([file, load]) =>
  page({
    name: `the file ${pathOf(file)}`,
    place: inTree(file),
    path: pathOf(file),
    async answer(request, params) {
      const { GET } = await load();
      // The segments of a route handler come decoded.
      const decoded = Object.fromEntries(
        Object.entries(params).map(([name, value]) => [name, decodeURIComponent(value)]),
      );
      const response = await inRequest(request, 'action', () => GET(request, { params: Promise.resolve(decoded) }));
      return { status: response.status, text: await response.text(), isRefused: response.status >= 400 };
    },
  }),
);

export const ALL_PAGES: readonly Entry[] = [...screens, ...pages, ...files];
