/** The numbers of an item, as people typed them into the portal, read as every number here is. Pure. */
import { type Country, readPhone } from '../phone/index.ts';

export interface ReadPhones {
  /** In E.164, in the portal's order. */
  readonly phones: readonly string[];
  /** Typed texts that are not certain to be numbers, each with the reason in words. */
  readonly untaken: readonly string[];
}

/** Longer than any number; some people type a story there. */
const SHOWN_CHARS = 60;

export function readPhones(typed: readonly string[], country: Country): ReadPhones {
  const phones: string[] = [];
  const untaken: string[] = [];
  for (const text of typed) {
    const read = readPhone(text, { country });
    if ('phone' in read) phones.push(read.phone);
    else if ('refused' in read) untaken.push(`${read.refused}: «${shown(text)}»: ${read.said}`);
  }
  return { phones, untaken };
}

/** The number that the text is for certain, or the text. */
export function phoneOr(text: string, country: Country): string {
  return readPhones([text], country).phones[0] ?? text;
}

function shown(text: string): string {
  return Array.from(text).slice(0, SHOWN_CHARS).join('');
}
