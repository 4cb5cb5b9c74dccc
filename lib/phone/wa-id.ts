/** Two ways to write one person's number, made one: WhatsApp's ids, and numbers from before a country lengthened its own. */

/** The number that WhatsApp's id of a person means. */
export function phoneOfWaId(waId: string): string {
  return renumbered(`+${waId}`);
}

/**
 * The number as it is dialled today. It is the same in all but two countries: Mexico's mobile numbers had a 1 behind the country
 * code, Brazil's had one digit less. WhatsApp's ids kept both, and so did people's address books.
 */
export function renumbered(phone: string): string {
  const mexican = /^\+521(\d{10})$/.exec(phone);
  if (mexican) return `+52${mexican[1]}`;
  const brazilian = /^\+55(\d\d)([6-9]\d{7})$/.exec(phone);
  if (brazilian) return `+55${brazilian[1]}9${brazilian[2]}`;
  return phone;
}
