/** The links from one page of a list to the first and to the next. */

import { address } from './address.ts';
import { Link } from './link.tsx';

interface PagesProps {
  /** The name of the listed items, such as «drafts». */
  readonly of: string;
  readonly path: string;
  /** The address of the list, without the place in it. */
  readonly params: Readonly<Record<string, string | undefined>>;
  /** The cursors of this page and the next. Undefined: the first or the last page. */
  readonly after: string | undefined;
  readonly next: string | null | undefined;
  readonly nextLabel?: string;
}

/** Links to the first and the next page of a list. `path` and `params` are the list's address. */
export function Pages({ of, path, params, after, next, nextLabel = 'Next page' }: PagesProps) {
  return (
    <nav aria-label={`Pages of ${of}`} className="flex gap-2">
      {after && (
        <Link className="button" href={address(path, params)}>
          First page
        </Link>
      )}
      {next && (
        <Link className="button" href={address(path, { ...params, after: next })}>
          {nextLabel}
        </Link>
      )}
    </nav>
  );
}
