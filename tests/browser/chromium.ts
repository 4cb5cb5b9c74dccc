/** Finds a Chromium, and opens pages of the app in it as a person would: signed in, with everything noted that went wrong. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** The engine without a browser around it comes first: the same pages for less processor time. */
const PLACES = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Null: there is none on this machine, and the suite says so. */
export const CHROMIUM = PLACES.find((path) => path !== undefined && existsSync(path)) ?? null;

export function launch(): Promise<Browser> {
  if (CHROMIUM === null) throw new Error('no Chromium: set CHROMIUM_PATH');
  // In a container there is no user namespace for the sandbox; the pages are our own.
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
}

export interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Complaints of the browser's console, or of a script. */
  readonly complaints: string[];
}

/** A tab of its own, with its own cookies. */
export async function visit(browser: Browser, baseURL: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ baseURL, timezoneId: 'Asia/Dubai', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { context, page, complaints };
}

export async function signIn(page: Page, secret: string, name = 'ann'): Promise<void> {
  await page.goto('/login');
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Secret', { exact: true }).fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname !== '/login');
}

/** The address, text and field values of a page. Part of the report of a failed test. */
export async function foundOn(page: Page): Promise<string> {
  return `${page.url()}\n${(await page.locator('body').ariaSnapshot()).slice(0, 8_000)}`;
}

const AXE = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Findings of axe, one line each: WCAG 2.2 A and AA, and its best practices. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await AXE);
  return page.evaluate(async () => {
    // @ts-expect-error axe has put itself on the window
    const { violations: found } = await window.axe.run({ resultTypes: ['violations'] });
    return found.flatMap(({ id, nodes }: { id: string; nodes: { html: string; failureSummary: string }[] }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary.replaceAll('\n', ' ')}`),
    );
  });
}
