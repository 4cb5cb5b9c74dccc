/** The tags of a cell, taken apart as the system that wrote them joins them. */
import { cleanLine } from './text.ts';

/** Google's contacts join by ` ::: ` and mark their own groups by a star; Mailchimp quotes each; others use one character. */
export function tagsIn(cell: string): string[] {
  const list = cell.trim().replace(/^\[(.*)\]$/s, '$1');
  const parts = list.includes(':::')
    ? list.split(':::')
    : list.startsWith('"')
      ? quotedIn(list)
      : list.split(/[,;|\n]/);
  const tags = parts.map((part) => cleanLine(part).replace(/^\*\s+/, ''));
  return [...new Set(tags)].filter((tag) => tag !== '');
}

/** `"Buyers, Dubai","VIP"`: what is between the quotes is one tag, with its commas. */
function quotedIn(list: string): string[] {
  return [...list.matchAll(/"((?:[^"]|"")*)"|([^,;|\n"]+)/g)].map(([, quoted, bare = '']) =>
    quoted === undefined ? bare : quoted.replaceAll('""', '"'),
  );
}
