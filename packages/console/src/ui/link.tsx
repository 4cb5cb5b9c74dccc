/**
 * A link to a screen: `href` is a path of the console, such as `/jobs`, wherever the console is mounted. Nothing is fetched before it is
 * opened: lists have dozens of links, and what they lead to is rendered from the database each time.
 */
'use client';

import NextLink from 'next/link';
import type { ComponentProps } from 'react';
import { within } from '../paths.ts';
import { useMount } from './mount.tsx';

/** Next.js' Link with a path of the console as `href`. Does not prefetch unless `prefetch` says so. */
export function Link({ href, ...props }: Omit<ComponentProps<typeof NextLink>, 'href'> & { readonly href: string }) {
  const { base } = useMount();
  return <NextLink prefetch={false} {...props} href={within(base, href)} />;
}
