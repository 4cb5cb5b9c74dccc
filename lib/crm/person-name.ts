/** A person's name as the portal keeps it, in two fields, and as a lead does: one text for people, and its parts where they are known. Pure. */

/** Parts of a name. If the family name is not known, the whole name is in `name`, because nothing says where to split it. */
export interface Parts {
  readonly name: string;
  readonly familyName: string;
}

interface Named {
  readonly name: string | null;
  readonly givenName: string | null;
  readonly familyName: string | null;
}

/** The parts of a lead's name. They count only while its name holds them: who changed the name alone meant all of it. */
export function partsOf({ name, givenName, familyName }: Named): Parts {
  const whole = name ?? '';
  const holds = (part: string | null) => part === null || whole.toLowerCase().includes(part.toLowerCase());
  const isApart = Boolean(familyName) && holds(givenName) && holds(familyName);
  return isApart ? { name: givenName ?? '', familyName: familyName ?? '' } : { name: whole, familyName: '' };
}

/** The name for people. A first name that ends with the family name is the whole name already: portals hold such. */
function nameOf({ name, familyName }: Parts): string {
  const isWhole = ` ${name}`.toLowerCase().endsWith(` ${familyName}`.toLowerCase());
  return isWhole ? name : `${name} ${familyName}`.trim();
}

/** The part of the portal's two fields that a lead keeps. */
export function namedAs(parts: Parts): Named {
  const isApart = parts.familyName !== '';
  return {
    name: nameOf(parts) || null,
    givenName: isApart ? parts.name || null : null,
    familyName: isApart ? parts.familyName : null,
  };
}
