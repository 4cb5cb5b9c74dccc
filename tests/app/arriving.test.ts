/** The console renders what the server sent once all of it is there: no element has a child that React still waits for. */
import { createElement, type ReactNode, Suspense } from 'react';
import { expect, test } from 'vitest';
import { Arriving } from '../../packages/console/src/ui/arriving.tsx';
import { DataTable } from '../../packages/console/src/ui/table.tsx';

/** A row as React's reader keeps it, and the node that stands for it in what came before. */
function row() {
  const came: { node?: ReactNode; error?: Error } = {};
  const promise = new Promise<never>(() => {});
  const read = () => {
    if (came.error) throw came.error;
    if (came.node === undefined) throw promise;
    return came.node;
  };
  // biome-ignore lint/suspicious/noExplicitAny: a node that only React's reader makes
  const node: any = { $$typeof: Symbol.for('react.lazy'), _payload: promise, _init: read };
  return { came, promise, node };
}

/** The promise that it throws, or null: it renders. */
function awaited(children: ReactNode): unknown {
  try {
    expect(Arriving({ children })).toBe(children);
    return null;
  } catch (thrown) {
    return thrown;
  }
}

const cells = (node: ReactNode) =>
  createElement(DataTable, {
    label: 'Jobs',
    columns: [{ id: 'id', title: 'ID' }],
    rows: [{ id: '1', cells: { id: node } }],
  });

test.each([
  ['its child', (node: ReactNode) => node],
  ["an element's child", (node: ReactNode) => createElement('main', null, node)],
  [
    'one of several',
    (node: ReactNode) => ['text', createElement('p', { key: 1 }), createElement('ul', { key: 2 }, node)],
  ],
  ["a cell of a table's rows", cells],
])('waits for a row that is %s', (_, around) => {
  const late = row();
  const children = around(late.node);
  expect(awaited(children)).toBe(late.promise);
  late.came.node = 'here';
  expect(awaited(children)).toBeNull();
});

test('waits for a row within a row', () => {
  const [outer, inner] = [row(), row()];
  const children = createElement('main', null, outer.node);
  expect(awaited(children)).toBe(outer.promise);
  outer.came.node = [createElement('section', { key: 1 }, inner.node)];
  expect(awaited(children)).toBe(inner.promise);
  inner.came.node = createElement('b');
  expect(awaited(children)).toBeNull();
});

test('does not wait for what a Suspense boundary has a fallback for', () => {
  expect(awaited(createElement(Suspense, { fallback: '…' }, row().node))).toBeNull();
});

test('leaves the error of a row that failed to the boundary around that row', () => {
  const failed = row();
  failed.came.error = new Error('no such job');
  expect(awaited(createElement('main', null, failed.node))).toBeNull();
});

test('sees an object that contains itself once', () => {
  const own: Record<string, unknown> = {};
  own.own = own;
  expect(awaited(createElement('main', { title: own as never }))).toBeNull();
});
