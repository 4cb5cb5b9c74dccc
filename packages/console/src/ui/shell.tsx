/** The frame around every page: where to go, who is signed in, in which colours, and a warning where nobody guards the pages. */

import type { ComponentProps, ReactNode } from 'react';
import { isOpenConsole } from '../auth/access.ts';
import type { Session } from '../auth/session.ts';
import { ActionForm } from './action-form.tsx';
import { Eye, LogOut, MonitorCog, Moon, ShieldAlert, Sun } from './icons.tsx';
import { Link } from './link.tsx';
import { Nav } from './nav.tsx';
import { THEMES, type Theme } from './theme.ts';

interface ShellProps {
  readonly session: Session;
  readonly title: string;
  readonly places: ComponentProps<typeof Nav>['places'];
  /** The host has signed them in, and signs them out. */
  readonly isHosted: boolean;
  readonly theme: Theme;
  readonly children: ReactNode;
}

export function Shell({ session, theme, title, places, isHosted, children }: ShellProps) {
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[13rem_minmax(0,1fr)]">
      <a
        href="#content"
        className="button primary sr-only focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-20"
      >
        Skip to the content
      </a>
      <header className="flex flex-col gap-3 border-line border-b bg-raised px-3 py-2 md:sticky md:top-0 md:h-dvh md:border-r md:border-b-0 md:py-4">
        <div className="flex items-center justify-between gap-2 md:px-2">
          <Link href="/" className="font-bold text-[1.05rem] tracking-tight">
            {title}
          </Link>
          <div className="md:hidden">
            <Account session={session} theme={theme} isHosted={isHosted} />
          </div>
        </div>
        <Nav places={places} />
        <div className="mt-auto hidden md:block">
          <Account session={session} theme={theme} isHosted={isHosted} />
        </div>
      </header>
      <div className="min-w-0">
        {!isHosted && isOpenConsole() && <OpenBanner />}
        <main
          id="content"
          className="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-5 px-3 py-4 md:px-6 md:py-6"
        >
          {children}
        </main>
      </div>
    </div>
  );
}

function OpenBanner() {
  return (
    <p className="flex items-center gap-2 border-line border-b px-3 py-2 text-warn md:px-6">
      <ShieldAlert size={16} className="shrink-0" />
      Development: these pages need no secret, on this machine and its embedded database only.
    </p>
  );
}

const THEME_ICONS = { system: MonitorCog, light: Sun, dark: Moon } as const;
const THEME_WORDS = { system: 'Colours of the system', light: 'Light colours', dark: 'Dark colours' } as const;

function Account({ session, theme, isHosted }: Pick<ShellProps, 'session' | 'theme' | 'isHosted'>) {
  return (
    <div className="flex items-center gap-2 md:grid md:gap-2 md:border-line md:border-t md:px-2 md:pt-3">
      <div className="hidden min-w-0 md:block">
        <div className="truncate font-medium">{session.name}</div>
        <div className="soft flex items-center gap-1 text-[0.88rem]">
          {session.role === 'viewer' && <Eye size={13} />}
          {session.role === 'viewer' ? 'viewer, read only' : 'operator'}
        </div>
      </div>
      <div className="flex items-center gap-1">
        <ActionForm run="set-theme" className="flex rounded-md border border-line">
          {THEMES.map((name) => {
            const Icon = THEME_ICONS[name];
            return (
              <button
                key={name}
                name="theme"
                value={name}
                type="submit"
                aria-pressed={name === theme}
                aria-label={THEME_WORDS[name]}
                title={THEME_WORDS[name]}
                className={`grid size-7 cursor-pointer place-items-center rounded-md ${name === theme ? 'bg-hover text-ink' : 'text-soft hover:text-ink'}`}
              >
                <Icon size={15} />
              </button>
            );
          })}
        </ActionForm>
        {!isHosted && (
          <ActionForm run="sign-out">
            <button
              type="submit"
              aria-label="Sign out"
              title="Sign out"
              className="grid size-7 cursor-pointer place-items-center rounded-md text-soft hover:text-ink"
            >
              <LogOut size={15} />
            </button>
          </ActionForm>
        )}
      </div>
    </div>
  );
}
