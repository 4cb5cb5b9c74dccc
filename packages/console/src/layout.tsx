/** The frame around every page of the console: the shell for those who signed in, nothing around the login. */
import { cookies, headers } from 'next/headers';
import { connection } from 'next/server';
import type { ReactNode } from 'react';
import { sessionFor } from './access.ts';
import type { Setup } from './options.ts';
import { Arriving } from './ui/arriving.tsx';
import { MountProvider } from './ui/mount.tsx';
import { Shell } from './ui/shell.tsx';
import { THEME_COOKIE, type Theme, themeOf } from './ui/theme.ts';
import { Zone } from './ui/zone.tsx';

/** Props of `Layout` and `RootLayout`. */
export interface ConsoleLayoutProps {
  /** A server action of the app, which hands the form to the console's `act`. */
  readonly action: (form: FormData) => Promise<void>;
  readonly children: ReactNode;
}

/** Every rule of the stylesheet begins with this class, and sets back what the app's own rules say of elements inside. */
const ROOT = 'jobqueue-console';

/** Inside a layout of the app, which renders `<html>` and `<body>`. */
export async function renderLayout(setup: Setup, { action, children }: ConsoleLayoutProps) {
  const theme = await viewerTheme();
  return (
    <div className={ROOT} data-theme={chosen(theme)}>
      {await frame(setup, theme, action, children)}
    </div>
  );
}

/** As a root layout: renders `<html>` and `<body>` itself. */
export async function renderRootLayout(setup: Setup, { action, children }: ConsoleLayoutProps) {
  const theme = await viewerTheme();
  return (
    <html lang="en" data-theme={chosen(theme)}>
      <body className={ROOT}>{await frame(setup, theme, action, children)}</body>
    </html>
  );
}

async function frame(setup: Setup, theme: Theme, act: ConsoleLayoutProps['action'], children: ReactNode) {
  await connection(); // nothing of the console belongs into a prerendered shell or a prefetched one
  const session = await sessionFor(setup, await headers());
  return (
    <MountProvider base={setup.base} act={act}>
      <Arriving>
        {session ? (
          <Shell
            session={session}
            theme={theme}
            title={setup.title}
            places={setup.places}
            isHosted={setup.authorize !== undefined}
          >
            {children}
          </Shell>
        ) : (
          <main>{children}</main>
        )}
        <Zone />
      </Arriving>
    </MountProvider>
  );
}

async function viewerTheme(): Promise<Theme> {
  return themeOf((await cookies()).get(THEME_COOKIE)?.value);
}

const chosen = (theme: Theme) => (theme === 'system' ? undefined : theme);
