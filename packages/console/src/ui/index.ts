/** The console's UI components. Screens that an app adds use them to look and behave like the built-in ones. */

export { address, all, one } from './address.ts';
export { Done } from './done.tsx';
export { Field, Hidden, Reason } from './field.tsx';
export { Empty, Facts, Head, Section } from './head.tsx';
export { type Icon, icon, icons } from './icons.tsx';
export { Json } from './json.tsx';
export { Link } from './link.tsx';
export { Live } from './live.tsx';
export type { Messages, Numbers } from './messages.ts';
export { Pages } from './pages.tsx';
export { Panel } from './panel.tsx';
export { Refused } from './refused.tsx';
export { Status } from './status.tsx';
export { Submit } from './submit.tsx';
export { type Column, DataTable, type TableRow } from './table.tsx';
export { Ago, When } from './when.tsx';
export { atLeast, count, duration, plural } from './words.ts';
export { instantIn, inZone, viewerZone } from './zoned.ts';
