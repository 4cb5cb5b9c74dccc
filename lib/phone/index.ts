/** Phone numbers: the one place that reads and accepts them, for imports, campaigns, the CRM and webhooks. Pure; nobody else parses one. */
export { type CountryReading, readCountry } from './country.ts';
export { type Country, countriesOf, isCountry, lineOf } from './number.ts';
export { type Dialled, type PhoneReading, type PhoneRefusal, readPhone } from './read.ts';
export { E164, isStorablePhone } from './storable.ts';
export { phoneOfWaId } from './wa-id.ts';
