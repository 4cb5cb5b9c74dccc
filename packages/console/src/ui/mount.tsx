/** Provides the console's base path and its server action to components in the browser. */
'use client';

import { createContext, type ReactNode, useContext } from 'react';

interface Mount {
  readonly base: string;
  /** The app's own server action. */
  readonly act: (form: FormData) => Promise<void>;
}

const Mounted = createContext<Mount | null>(null);

export function MountProvider({ base, act, children }: Mount & { readonly children: ReactNode }) {
  return <Mounted.Provider value={{ base, act }}>{children}</Mounted.Provider>;
}

/** Throws outside of the console's layout. */
export function useMount(): Mount {
  const mount = useContext(Mounted);
  if (mount === null) throw new Error('expected to be inside the layout of defineConsole, which names the base path');
  return mount;
}
