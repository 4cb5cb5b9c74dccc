/** The places to go, and which of them this is. */
'use client';

import { usePathname } from 'next/navigation';
import type { ReactNode } from 'react';
import { inside } from '../paths.ts';
import { Link } from './link.tsx';
import { useMount } from './mount.tsx';

interface NavProps {
  readonly places: readonly { readonly path: string; readonly title: string; readonly icon: ReactNode }[];
}

export function Nav({ places }: NavProps) {
  const { base } = useMount();
  const here = inside(base, usePathname()) ?? '';
  return (
    <nav aria-label="Pages" className="-mx-3 overflow-x-auto px-3 md:mx-0 md:px-0">
      <ul className="flex gap-1 md:grid md:gap-0.5">
        {places.map(({ path, title, icon }) => {
          const isHere = path === '/' ? here === '/' : here === path || here.startsWith(`${path}/`);
          return (
            <li key={path}>
              <Link
                href={path}
                aria-current={isHere ? 'page' : undefined}
                className={`flex items-center gap-2 whitespace-nowrap rounded-md px-2 py-1.5 font-medium ${isHere ? 'bg-hover text-accent' : 'text-soft hover:bg-hover hover:text-ink'}`}
              >
                {icon}
                {title}
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
