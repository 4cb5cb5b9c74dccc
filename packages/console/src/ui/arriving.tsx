/** Renders what the server sent once all of it has arrived. Knows nothing of what that is. */
'use client';

import { Children, isValidElement, type ReactNode, Suspense } from 'react';

/**
 * Renders its children once all their rows have arrived, and no element of its own. Async components come in rows of their own, and so does
 * what follows the first 3,200 bytes of a row. The React of Next.js 15 loses its place in the page if such a row is the child of an element
 * and arrives while it hydrates the element: findings/next-15-hydration-of-an-element-whose-child-just-arrived.sh. Does not wait for the
 * content of a Suspense boundary.
 */
export function Arriving({ children }: { readonly children: ReactNode }) {
  waitFor(children, new Set());
  return children;
}

/** Throws the promise of the first row that has not arrived. React then renders `Arriving` again once it has. */
function waitFor(sent: unknown, seen: Set<unknown>): void {
  if (typeof sent !== 'object' || sent === null || seen.has(sent)) return;
  seen.add(sent); // React sends an object once, and props may contain themselves
  if ('$$typeof' in sent) {
    for (const element of elementsOf(sent)) if (element.type !== Suspense) waitFor(element.props, seen);
  } else if (Array.isArray(sent) || Object.getPrototypeOf(sent) === Object.prototype) {
    for (const value of Object.values(sent)) waitFor(value, seen);
  }
}

/** The element itself, or those that a row has become. */
function elementsOf(node: object) {
  try {
    return Children.toArray(node as ReactNode).filter((each) => isValidElement(each));
  } catch (thrown) {
    if (thrown instanceof Object && 'then' in thrown) throw thrown; // it has not arrived
    return []; // it failed: React throws the error at the row's place, within the boundary around it
  }
}
