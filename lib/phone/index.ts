/** Reads and validates phone numbers. The only parser of numbers: imports, campaigns, the CRM and webhooks use it. Pure. */
export { type CountryReading, readCountry } from './country.ts';
export { type Country, countriesOf, isCountry, lineOf } from './number.ts';
export { type Dialled, type PhoneReading, type PhoneRefusal, readPhone } from './read.ts';
export { E164, isStorablePhone } from './storable.ts';
export { phoneOfWaId } from './wa-id.ts';
