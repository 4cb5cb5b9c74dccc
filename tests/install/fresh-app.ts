/** Makes an app as a newcomer has it, with its own files, before the queue comes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FreshApp } from './apps.ts';
import { ORDER_FILES } from './order-page.ts';
import { run } from './run.ts';

export interface Made {
  /** The folder of the app. */
  readonly folder: string;
  /** The folder of the router: app or src/app. */
  readonly router: string;
}

/** Below `home`, an empty folder. Nothing is installed yet. */
export async function makeApp(app: FreshApp, home: string): Promise<Made> {
  const parent = app.workspaceOf ? join(home, 'apps') : home;
  mkdirSync(parent, { recursive: true });
  const creator = ['npm', 'exec', '--yes', `create-next-app@${app.next}`, '--'];
  const asked = ['web', ...app.flags, '--use-npm', '--skip-install', '--disable-git'];
  await run(parent, [...creator, ...asked], { XDG_CONFIG_HOME: home }); // else what this machine's user chose last is its default
  const folder = join(parent, 'web');
  const router = app.flags.includes('--src-dir') ? 'src/app' : 'app';
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const change = (path: string, edit: (text: string) => string) =>
    put(path, edit(readFileSync(join(folder, path), 'utf8')));
  change('package.json', (text) => {
    const manifest = JSON.parse(text);
    return JSON.stringify({ ...manifest, dependencies: { ...manifest.dependencies, ...app.dependencies } }, null, 2);
  });
  if (app.settings)
    change('next.config.ts', (text) => text.replace('/* config options here */', app.settings as string));
  for (const [path, text] of Object.entries(app.files ?? {})) put(path, text);
  for (const [path, text] of Object.entries(ORDER_FILES)) put(`${router}/${path}`, text);
  if (app.workspaceOf) {
    const root = { name: 'shop', private: true, workspaces: ['apps/*'], dependencies: app.workspaceOf };
    writeFileSync(join(home, 'package.json'), JSON.stringify(root, null, 2));
  }
  return { folder, router };
}
