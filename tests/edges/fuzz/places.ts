/** Every way into the app that the file tree has, read from the tree alone: an entry point that nobody fuzzes fails a test. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const filesIn = (folder: string, pattern: RegExp) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file}`)
    .filter((file) => pattern.test(file));
const read = (file: string) => readFileSync(file, 'utf8');
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found);

/** Methods and paths of api/: a file is a function, and one with a router serves the paths that it lists. */
function endpoints(): string[] {
  const functions = filesIn('api', /^(?!.*\/_).*\.ts$/);
  return functions.flatMap((file) => {
    const routed = [...read(file).matchAll(/'(\/api\/[^']+)': \(\) => import\('([^']+)'\)/g)];
    const served = routed.map(([, path = '', target = '']) => [path, join(dirname(file), target)] as const);
    const own = [[`/${file.replace(/\.ts$/, '')}`, file] as const];
    return (served.length > 0 ? served : own).flatMap(([path, target]) =>
      methodsOf(target).map((method) => `${method} ${path}`),
    );
  });
}

function methodsOf(file: string): string[] {
  const exported = matches(read(file), /^export (?:async function|const \{|const) ?([\w, ]+)/gm).join();
  return ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'].filter((method) =>
    exported.split(/\W+/).includes(method),
  );
}

/** Exported functions of files with 'use server' on top. Inline ones are named by their file. */
function appActions(): string[] {
  return filesIn('app', /\.tsx?$/).flatMap((file) => {
    const text = read(file);
    if (/^'use server';$/m.test(text))
      return matches(text, /^export (?:const|async function) (\w+)/gm).map((name) => `${file} ${name}`);
    return matches(text, /^ +('use server');$/gm).map(() => `inline in ${file}`);
  });
}

const consoleActions = () =>
  matches(read('packages/console/src/ui/action-name.ts'), /^ {2}\| '([\w-]+)'/gm).map((name) => `action ${name}`);
const screens = () =>
  matches(read('packages/console/src/screens/index.tsx'), /^ {2}\{ path: '([^']+)', title: .*, page:/gm).map(
    (path) => `screen ${path}`,
  );

/** The page of the console, which serves all of its screens; the dispatcher, which serves api/; and the layout's action, which serves all of the console's. */
export const LEADING_TO_OTHERS = ['app/[[...path]]/page.tsx', 'app/api/route.local.ts', 'inline in app/layout.tsx'];

export function placesInTheTree(): string[] {
  const files = filesIn('app', /\/(page|route|route\.local)\.tsx?$/);
  return [...endpoints(), ...files, ...screens(), ...appActions(), ...consoleActions()].sort();
}

/** The package's routes: each of them has to be mounted in api/, where it is fuzzed. */
export function routesOfThePackage(): string[] {
  return matches(read('packages/jobqueue/src/next/index.ts'), /\b(\w+Route)\b/g).filter((name) => /^[a-z]/.test(name));
}

export function routesMounted(): string[] {
  return filesIn('api', /\.ts$/).flatMap((file) => matches(read(file), /\b(\w+Route)\(queue/g));
}
