/** Separates an element from what the server renders later: an async component or a page. */
'use client';

import type { ReactNode } from 'react';

/**
 * Renders its children and no element. Without a component between them, the React of Next.js 15 loses its place in the page if the children
 * arrive while it hydrates the element: findings/next-15-hydration-of-an-element-whose-child-just-arrived.sh.
 */
export function Arriving({ children }: { readonly children: ReactNode }) {
  return children;
}
