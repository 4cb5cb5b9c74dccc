/** The options of a console, and the one value that screens and actions get of them. */

import type { DrainOptions, DrainReport, JobView, Log, Operators } from '@conversure/jobqueue';
import type { ComponentType, ReactNode } from 'react';
import type { Session } from './auth/session.ts';
import type { Messages } from './ui/messages.ts';

/** The part of a queue that the console uses. `createQueue` returns one. */
export interface ConsoleQueue extends Operators {
  readonly jobs: readonly { readonly type: string }[];
  getJob(id: string): Promise<JobView | null>;
  findJob(by: { readonly type: string; readonly idempotencyKey: string }): Promise<JobView | null>;
  drain(options?: DrainOptions): Promise<DrainReport>;
  kick(): void;
}

/** The query of an address, as Next.js gives it to a page. */
export type Sent = Readonly<Record<string, string | string[] | undefined>>;

/** Props of a screen that an app adds. Its user has signed in. */
export interface OwnScreenProps {
  readonly session: Session;
  readonly searchParams: Sent;
}

/** A screen that an app adds to the console, with its entry in the navigation. */
export interface OwnScreen {
  /** Below the console's base path, such as `/imports`. */
  readonly path: string;
  readonly title: string;
  /** An element of 16 × 16 pixels. */
  readonly icon?: ReactNode;
  /** Rendered at `path`, inside the frame. Without it the app has a route folder of its own there, and this is a link to it. */
  readonly page?: ComponentType<OwnScreenProps>;
}

/** The user, as the host knows them. */
export interface Identity {
  /** An operator may do everything, a viewer only look. */
  readonly role: 'operator' | 'viewer';
  /** 1 to 60 characters; stands beside everything that they do in the audit log. */
  readonly name: string;
}

/** Options of `defineConsole`. Only `queue` is required. */
export interface ConsoleOptions {
  readonly queue: ConsoleQueue;
  /** The path of the catch-all page, such as `/jobqueue`; default `/`. */
  readonly basePath?: string;
  /** The name above the navigation and in the titles of the pages; default `JobQueue`. */
  readonly title?: string;
  /** Screens of the app, shown in the navigation before the audit log. */
  readonly screens?: readonly OwnScreen[];
  /**
   * The host's own sign-in: who sent these headers, or null for nobody. It is asked at each page and each action. Without it the console
   * has a login of its own, which takes `OPERATOR_SECRET` and `VIEWER_SECRET`.
   */
  readonly authorize?: (headers: Headers) => Identity | null | Promise<Identity | null>;
  /** Shown at the end of the overview. */
  readonly overview?: ComponentType<OwnScreenProps>;
  /** Shown on the incident screen, below what holds jobs back by itself. */
  readonly incident?: ComponentType<OwnScreenProps>;
  /** Words for the codes that actions of the app put into an address as `done` and `refused`. */
  readonly messages?: Messages;
  /** The longest that a request to the console may take where the platform does not say, ms; default 300,000. A drain by hand ends before. */
  readonly maxDurationMs?: number;
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly log?: Log;
}

/** A screen as the catch-all page finds it. */
export interface Screen {
  /** Segments in brackets are parameters: `/jobs/[id]`. */
  readonly path: string;
  readonly title: string | ((params: Readonly<Record<string, string>>) => string);
  readonly page: ComponentType<ScreenProps>;
}

/** Props of a built-in screen. */
export interface ScreenProps {
  readonly setup: Setup;
  readonly session: Session;
  readonly params: Readonly<Record<string, string>>;
  readonly sent: Sent;
}

/** An entry of the navigation. */
export interface Place {
  readonly path: string;
  readonly title: string;
  readonly icon: ReactNode;
}

/** The checked options. */
export interface Setup {
  readonly queue: ConsoleQueue;
  /** Without a slash at its end; empty for `/`. */
  readonly base: string;
  readonly title: string;
  readonly screens: readonly Screen[];
  readonly places: readonly Place[];
  readonly authorize: ConsoleOptions['authorize'];
  readonly overview: ComponentType<OwnScreenProps> | undefined;
  readonly incident: ComponentType<OwnScreenProps> | undefined;
  readonly messages: Messages;
  readonly maxDurationMs: number;
  readonly log: Log;
}
