/** The fresh apps: what create-next-app makes, and what each has of its own before the queue comes. */

export interface FreshApp {
  readonly name: string;
  /** Version of create-next-app, and so of Next.js. */
  readonly next: string;
  readonly flags: readonly string[];
  /** Before the queue is installed: name → range. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** Files of the app's own, by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Additional lines of next.config.ts. */
  readonly settings?: string;
  readonly basePath?: string;
  readonly trailingSlash?: true;
  /** The app lies in apps/web of npm workspaces whose root has these. */
  readonly workspaceOf?: Readonly<Record<string, string>>;
  /** Init installs the packages itself, as `npx @conversure/jobqueue init` does; without the console. */
  readonly isWithoutPackage?: true;
  /** A form sent without JavaScript answers 500, by a defect of this Next.js: findings/next-15-form-of-an-action-that-imports-an-external.sh. */
  readonly needsJavaScript?: true;
  /** Mounts a second console, behind its own sign-in. */
  readonly hasOwnSignIn?: true;
}

const NEXT_16 = '16.4.3';
const NEXT_15 = '15.5.28';
const WITH_ESLINT = ['--yes', '--eslint', '--tailwind'];

export const APPS: readonly FreshApp[] = [
  {
    name: 'next-16',
    next: NEXT_16,
    flags: ['--yes'],
    dependencies: { 'drizzle-orm': '0.45.4' },
  },
  {
    name: 'next-15-src',
    next: NEXT_15,
    flags: [...WITH_ESLINT, '--src-dir', '--turbopack'],
    dependencies: { 'drizzle-orm': '0.45.4', zod: '3.25.76' },
    needsJavaScript: true,
    hasOwnSignIn: true,
    files: {
      'vercel.json': '{\n\t"crons": [{ "path": "/api/report", "schedule": "0 6 * * *" }]\n}\n',
      'src/middleware.ts': `import { NextResponse, type NextRequest } from "next/server";

export function middleware(request: NextRequest) {
  return NextResponse.redirect(new URL("/login", request.url));
}

export const config = { matcher: ["/((?!api|enqueue|jobqueue|_next/static|_next/image|favicon.ico).*)"] };
`,
    },
  },
  {
    name: 'next-16-settings',
    next: NEXT_16,
    flags: ['--yes', '--src-dir'],
    dependencies: { 'drizzle-orm': '1.0.0-rc.5' },
    files: {
      'src/proxy.ts': `import { NextResponse, type NextRequest } from "next/server";

export function proxy(request: NextRequest) {
  const { pathname } = request.nextUrl;
  const isStaff = /^\\w+ (operator|viewer)$/.test(request.headers.get("x-user") ?? "");
  if (pathname.startsWith("/jobqueue-staff") && !isStaff) return new NextResponse("Not found", { status: 404 });
  return /^\\/(enqueue|jobqueue)/.test(pathname) ? NextResponse.next() : NextResponse.redirect(new URL("/login", request.url));
}

export const config = { matcher: ["/:path*"] };
`,
    },
    hasOwnSignIn: true, // its proxy answers strangers, because the page's own 404 would come after the status: packages/console/README.md
    settings: 'basePath: "/shop", trailingSlash: true,',
    basePath: '/shop',
    trailingSlash: true,
  },
  {
    name: 'next-15-webpack',
    next: NEXT_15,
    flags: [...WITH_ESLINT, '--no-src-dir', '--no-turbopack'],
    dependencies: { 'drizzle-orm': '0.45.4' },
    isWithoutPackage: true,
  },
  {
    name: 'monorepo',
    next: NEXT_16,
    flags: ['--yes'],
    dependencies: { 'drizzle-orm': '0.45.4' },
    workspaceOf: { 'drizzle-orm': '0.44.7' },
  },
];

/** `names`: of `INSTALL_APPS`, with commas between; undefined for all. Throws for a name that no app has. */
export function chosenApps(names: string | undefined): readonly FreshApp[] {
  if (!names) return APPS;
  return names.split(',').map((name) => {
    const app = APPS.find((each) => each.name === name);
    if (!app) throw new Error(`INSTALL_APPS: expected ${APPS.map((each) => each.name).join(', ')}, got ${name}`);
    return app;
  });
}
