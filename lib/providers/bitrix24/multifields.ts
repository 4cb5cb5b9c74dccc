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
  /** The value that we wrote before; its entry may be changed. Null: no entry is ours. */
  readonly was: string | null;
  /** Null: ours is to go. */
  readonly value: string | null;
}

type Change = { readonly typeId: string; readonly valueType: string; readonly value: string };

/**
 * The `fm` of an update that gives the item these values; null if it has them already. A key of `n0`, `n1` adds, an id changes,
 * an id with an empty value deletes. Entries that other people wrote in the portal stay.
 */
export function multifieldChanges(
  has: readonly Multifield[],
  wanted: readonly Wanted[],
): Readonly<Record<string, Change>> | null {
  const changes: Record<string, Change> = {};
  let added = 0;
  for (const { typeId, was, value } of wanted) {
    const find = (sought: string | null) =>
      has.find((one) => sought !== null && one.typeId === typeId && isSame(typeId, one.value, sought));
    const isThere = value !== null && find(value) !== undefined;
    const ours = was !== null && value !== null && isSame(typeId, was, value) ? undefined : find(was);
    // Ours goes where theirs has the new value already: two of the same would be one too many.
    if (ours) changes[ours.id] = { typeId, valueType: ours.valueType, value: isThere ? '' : (value ?? '') };
    else if (value !== null && !isThere) changes[`n${added++}`] = { typeId, valueType: kindOf(typeId), value };
  }
  return Object.keys(changes).length === 0 ? null : changes;
}

/** The `fm` of an add. */
export function newMultifields(wanted: readonly Omit<Wanted, 'was'>[]): Readonly<Record<string, Change>> {
  return (
    multifieldChanges(
      [],
      wanted.map((one) => ({ ...one, was: null })),
    ) ?? {}
  );
}

function kindOf(typeId: string): string {
  return typeId === 'PHONE' ? 'MOBILE' : 'WORK';
}

/** People type numbers with spaces, and addresses in capitals. */
export function isSame(typeId: string, a: string, b: string): boolean {
  return typeId === 'PHONE' ? digits(a) === digits(b) : a.trim().toLowerCase() === b.trim().toLowerCase();
}

function digits(phone: string): string {
  return phone.replace(/\D/g, '').replace(/^00/, '');
}
