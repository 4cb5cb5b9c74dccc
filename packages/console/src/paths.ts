/** Paths inside the console begin at its own root; the base path is put before them where they leave it. */

/** The address of a path of the console in the app: `/jobs` below `/jobqueue` is `/jobqueue/jobs`. */
export function within(base: string, path: string): string {
  if (base === '' || !path.startsWith('/')) return path;
  return /^\/($|[?#])/.test(path) ? `${base}${path.slice(1)}` : `${base}${path}`;
}

/** The console's path of an address in the app; null for one outside of it. */
export function inside(base: string, path: string): string | null {
  if (base === '') return path;
  if (!path.startsWith(base) || !/^($|[/?#])/.test(path.slice(base.length))) return null;
  const rest = path.slice(base.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
