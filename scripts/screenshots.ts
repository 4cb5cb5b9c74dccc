/** `npm run screenshots`: the README's pictures, of a built app over a database that looks like a busy afternoon. */

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp, untilAnswers } from '@conversure/jobqueue/dev';
import { freePort, start } from '@conversure/jobqueue/embedded';
import { migrate } from '@conversure/jobqueue/postgres';
import { chromium } from 'playwright-core';
import { MIGRATIONS } from '../db/migrations.ts';
import { PROJECT } from './environment.ts';
import { fill } from './screenshots/fill.ts';
import { runScript, SetupError } from './setup-error.ts';

const SECRET = 'secret-of-the-pictures';
const START_MS = 60_000;

const PICTURES = [
  { name: 'overview', path: '/', scheme: 'light', width: 1280, height: 1000 },
  { name: 'overview-dark', path: '/', scheme: 'dark', width: 1280, height: 1000 },
  { name: 'dead-letters', path: '/dead-letters', scheme: 'light', width: 1280, height: 620 },
  { name: 'job', path: '/jobs/@dead', scheme: 'dark', width: 1280, height: 760 },
  { name: 'incident', path: '/incident?look=1&type=ai_generation', scheme: 'light', width: 1280, height: 760 },
  { name: 'phone', path: '/', scheme: 'light', width: 390, height: 844 },
] as const;

await runScript(async () => {
  const executablePath = process.env.CHROMIUM_PATH || '/usr/bin/chromium';
  if (!existsSync(executablePath))
    throw new SetupError(`There is no Chromium at ${executablePath}: set CHROMIUM_PATH.`);
  if (!existsSync(join(PROJECT, '.next', 'BUILD_ID')))
    throw new SetupError('There is no build yet: run npm run build first.');
  const folder = mkdtempSync(join(tmpdir(), 'jobqueue-pictures-'));
  const database = await start({ folder });
  try {
    await migrate({ url: database.url, sources: MIGRATIONS });
    const filled = await fill(database.url, { minutes: 60 });
    try {
      await take(executablePath, database.url);
    } finally {
      await filled.stop();
    }
    return 0;
  } finally {
    await database.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

async function take(executablePath: string, databaseUrl: string): Promise<void> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const next = createRequire(import.meta.url).resolve('next/dist/bin/next');
  const app = startApp({
    args: [next, 'start', '--port', String(port), '--hostname', '127.0.0.1'],
    env: { NODE_ENV: 'production', DATABASE_URL: databaseUrl, OPERATOR_SECRET: SECRET, NEXT_TELEMETRY_DISABLED: '1' },
  });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    if (!(await untilAnswers(new URL('/login', origin), AbortSignal.timeout(START_MS))))
      throw new SetupError('The app did not start; its output above says why.');
    const target = join(PROJECT, 'docs', 'pictures');
    mkdirSync(target, { recursive: true });
    for (const { name, path, scheme, width, height } of PICTURES) {
      const viewport = { width, height };
      const page = await browser.newPage({ baseURL: origin, viewport, colorScheme: scheme, timezoneId: 'Asia/Dubai' });
      await page.goto('/login');
      await page.getByLabel('Your name').fill('ann@example.com');
      await page.getByLabel('Secret', { exact: true }).fill(SECRET);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.goto(path.replace('/jobs/@dead', '/dead-letters'));
      if (path.endsWith('@dead'))
        await page
          .getByRole('link', { name: /^The latest of crm_sync/ })
          .first()
          .click();
      await page.waitForLoadState('networkidle');
      await page.screenshot({ path: join(target, `${name}.png`) });
      console.log(`docs/pictures/${name}.png`);
      await page.close();
    }
  } finally {
    await browser.close();
    await app.stop();
  }
}
