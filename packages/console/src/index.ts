/** Public exports of the console, used by an app that mounts it. */

export type { Role, Session } from './auth/session.ts';
export { type Console, defineConsole } from './define-console.tsx';
export type { ConsoleLayoutProps } from './layout.tsx';
export type { ConsoleOptions, ConsoleQueue, Identity, OwnScreen, OwnScreenProps, Sent } from './options.ts';
export type { ConsolePageProps } from './page.tsx';
export type { Messages, Numbers } from './ui/messages.ts';
