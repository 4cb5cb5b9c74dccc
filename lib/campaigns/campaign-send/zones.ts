/** In which time zones a person may be: their own word, else the country of their number, else where the company is. */
import { countriesOf } from '../../phone/index.ts';

/** The clocks by which a person's quiet hours are kept. */
export interface Clock {
  /** IANA names, at least one. A number of a country with several is in all of them: nobody knows in which. */
  readonly zones: readonly string[];
  /** `nearest`: the number's country has no zone of its own, so the nearest zone counts. */
  readonly from: 'person' | 'country' | 'nearest' | 'company';
}

export function clockOf({ phone, timeZone }: { phone: string; timeZone: string | null }, companyZone: string): Clock {
  if (timeZone !== null && isTimeZone(timeZone)) return { zones: [timeZone], from: 'person' };
  const countries = countriesOf(phone);
  const zones = [...new Set(countries.flatMap(zonesOfCountry))].sort();
  if (zones.length > 0) return { zones, from: 'country' };
  const nearest = countries.flatMap((country) => NEAREST[country] ?? []);
  return nearest.length > 0 ? { zones: nearest, from: 'nearest' } : { zones: [companyZone], from: 'company' };
}

/** Countries to which neither IANA nor CLDR gives a zone. Kosovo keeps Belgrade's time, the islands keep Saint Helena's. */
const NEAREST: Partial<Record<string, string>> = {
  AC: 'Atlantic/St_Helena',
  TA: 'Atlantic/St_Helena',
  XK: 'Europe/Belgrade',
};

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

/** The time zones of a country, by the CLDR that comes with Node. */
function zonesOfCountry(country: string): readonly string[] {
  let zones = known.get(country);
  if (zones === undefined) {
    const locale = new Intl.Locale(`und-${country}`) as ZonedLocale;
    zones = locale.getTimeZones?.() ?? locale.timeZones ?? [];
    known.set(country, zones); // there are some 250 countries
  }
  return zones;
}
