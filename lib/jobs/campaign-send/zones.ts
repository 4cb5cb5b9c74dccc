/** In which time zones a person may be: their own word, else the country of their number, else where the company is. */
import { countriesOf } from '../../phone/index.ts';

/** Zones as IANA names, at least one. A number of a country with several is in all of them: nobody knows in which. */
export function zonesOf(
  { phone, timeZone }: { phone: string; timeZone: string | null },
  companyZone: string,
): string[] {
  if (timeZone !== null && isTimeZone(timeZone)) return [timeZone];
  const zones = [...new Set(countriesOf(phone).flatMap(zonesOfCountry))].sort();
  return zones.length > 0 ? zones : [companyZone];
}

/** Names that were found to be zones, in lower case, because any case is one: some 600. Asking costs 40 µs, and a list has 10,000 people. */
const zones = new Set<string>();

export function isTimeZone(name: string): boolean {
  if (zones.has(name.toLowerCase())) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    zones.add(name.toLowerCase());
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A getter in V8 up to Node 22, a method by the later standard. */
interface ZonedLocale {
  readonly timeZones?: readonly string[];
  getTimeZones?(): readonly string[] | undefined;
}

const known = new Map<string, readonly string[]>();

/** By the CLDR that Node carries. */
function zonesOfCountry(country: string): readonly string[] {
  let zones = known.get(country);
  if (zones === undefined) {
    const locale = new Intl.Locale(`und-${country}`) as ZonedLocale;
    zones = locale.getTimeZones?.() ?? locale.timeZones ?? [];
    known.set(country, zones); // there are some 250 countries
  }
  return zones;
}
