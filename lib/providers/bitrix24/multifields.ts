/** Phones and e-mails of an item: values with ids of their own. Written without their ids they would be added once more each time. */
import { z } from 'zod';

export const Multifield = z.object({
  id: z.union([z.number(), z.string()]).transform(String),
  typeId: z.string(),
  valueType: z.string().catch('WORK'),
  value: z.string(),
});
export type Multifield = z.output<typeof Multifield>;

export interface Wanted {
  readonly typeId: 'PHONE' | 'EMAIL';
  readonly value: string;
}

export type Change = { readonly typeId: string; readonly valueType: string; readonly value: string };

/**
 * What `fm` of an update has to hold so that the item has these values; null if it has them. A key of `n0`, `n1` adds, an id
 * changes. What somebody added in the portal is left alone: we only ever add ours, and change what was ours before.
 */
export function multifieldChanges(
  has: readonly Multifield[],
  wanted: readonly Wanted[],
  before: readonly Wanted[] = [],
): Readonly<Record<string, Change>> | null {
  const changes: Record<string, Change> = {};
  let added = 0;
  for (const { typeId, value } of wanted) {
    if (has.some((one) => one.typeId === typeId && same(typeId, one.value, value))) continue;
    const old = before.find((one) => one.typeId === typeId && !same(typeId, one.value, value));
    const ours = old && has.find((one) => one.typeId === typeId && same(typeId, one.value, old.value));
    changes[ours?.id ?? `n${added++}`] = { typeId, valueType: ours?.valueType ?? defaultKind(typeId), value };
  }
  return Object.keys(changes).length === 0 ? null : changes;
}

function defaultKind(typeId: string): string {
  return typeId === 'PHONE' ? 'MOBILE' : 'WORK';
}

/** People type numbers with spaces, and addresses in capitals. */
function same(typeId: string, a: string, b: string): boolean {
  return typeId === 'PHONE' ? digits(a) === digits(b) : a.trim().toLowerCase() === b.trim().toLowerCase();
}

function digits(phone: string): string {
  return phone.replace(/\D/g, '').replace(/^00/, '');
}
