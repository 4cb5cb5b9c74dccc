/** A question over the page, opened by its address: it works without JavaScript, and with it holds the focus until answered. */
'use client';

import { useRouter } from 'next/navigation';
import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';
import { within } from '../paths.ts';
import { X } from './icons.tsx';
import { Link } from './link.tsx';
import { useMount } from './mount.tsx';

interface PanelProps {
  readonly title: string;
  /** The consequences, with numbers. */
  readonly description: ReactNode;
  /** The page without the question. */
  readonly back: string;
  readonly children: ReactNode;
}

/** A dialog over the page. `back` is the address that closes it; `children` is usually a form with the confirmation. */
export function Panel({ title, description, back, children }: PanelProps) {
  const router = useRouter();
  const { base } = useMount();
  return (
    <Dialog.Root open onOpenChange={(open) => !open && router.push(within(base, back), { scroll: false })}>
      <div className="fixed inset-0 z-10 bg-black/40" aria-hidden />
      {/* Radix takes the pointer from the page before it gives it back to the dialog: a click between the two would be lost. */}
      <Dialog.Content
        aria-label={title}
        className="pointer-events-auto fixed inset-x-3 top-[8dvh] z-20 mx-auto grid max-h-[84dvh] max-w-xl gap-4 overflow-y-auto rounded-xl border border-line bg-raised p-5 shadow-xl"
      >
        <div className="flex items-start justify-between gap-4">
          <Dialog.Title className="font-semibold text-[1.1rem]">{title}</Dialog.Title>
          <Link href={back} scroll={false} className="button quiet small" aria-label="Close">
            <X size={16} />
          </Link>
        </div>
        <Dialog.Description asChild>
          <div className="grid gap-1">{description}</div>
        </Dialog.Description>
        {children}
      </Dialog.Content>
    </Dialog.Root>
  );
}
