/** Where a login leads: a path of this app and nothing else, for the address of the login page is anyone's to write. */

export function localPath(next: string | string[] | undefined): string {
  if (typeof next !== 'string' || !/^\/(?![/\\])/.test(next) || /[\\\p{C}]/u.test(next)) return '/';
  return next;
}
