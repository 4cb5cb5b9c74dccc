/** The numbers that digits can be, and what tells them apart: which country's they are, with a code or without. */
import { type Country, callingCodeOf, looksHomemade, mobileLength, type Valid, validNumber } from './number.ts';

/** A number in one of its readings. */
export interface Reading extends Valid {
  /** Dialled from the country of the place, without its code. */
  readonly isNational: boolean;
  /** Digits without a plus that look more like a national number with a mistake in it. */
  readonly isDoubtful: boolean;
}

/**
 * The valid readings, each number once. Digits without a plus may be national, or international without their plus. Two zeros
 * are the plus of most countries, `011` is America's and `0011` Australia's, and `(0)` is dialled in some countries only. The zero that a spreadsheet
 * drops is a digit of the number in some countries.
 */
export function readingsOf(number: string, isInternational: boolean, country: Country | null): Reading[] {
  const readings: Reading[] = [];
  const add = (valid: Valid | undefined, isNational: boolean, isDoubtful = false) => {
    if (valid === undefined || readings.some(({ phone }) => phone === valid.phone)) return;
    readings.push({ ...valid, isNational, isDoubtful });
  };
  for (const written of new Set([number, number.replace(/\(0\)/, '')])) {
    const digits = written.replace(/\D/g, '');
    const whole = validNumber(`+${isInternational ? digits.replace(/^00/, '') : digits}`);
    add(whole, false, whole && country !== null && !isInternational && isDoubtful(whole, number, country));
    add(whole && withoutDoubledCode(whole), false);
    if (number.includes('+')) continue;
    const [abroad] = /^0?011(?=[1-9])/.exec(digits) ?? [];
    if (abroad !== undefined) add(validNumber(`+${digits.slice(abroad.length)}`), false);
    if (country === null) continue;
    const national =
      validNumber(digits, country) ?? (digits.startsWith('0') ? undefined : validNumber(`0${digits}`, country));
    add(national, national?.callingCode === callingCodeOf(country));
    const behindZero = behindOneZero(digits, national, country);
    add(behindZero, false, behindZero?.callingCode !== callingCodeOf(country));
  }
  return readings;
}

/** `+49 49 171 1234567`: a form put the country code in front of a number that had it. Plans that take fixed lines of any length call it valid. */
function withoutDoubledCode({ phone, callingCode, canBeMobile }: Valid): Valid | undefined {
  if (canBeMobile || !phone.startsWith(`+${callingCode}${callingCode}`)) return undefined;
  const once = validNumber(`+${phone.slice(1 + callingCode.length)}`);
  return once?.canBeMobile ? once : undefined;
}

/** `0971 50 123 4567`: a mobile with one zero for the plus. Most are no number at home; a fixed line longer than its country's mobiles hardly is. */
function behindOneZero(digits: string, national: Valid | undefined, country: Country): Valid | undefined {
  if (!/^0[1-9]/.test(digits) || national?.canBeMobile) return undefined;
  if (national !== undefined && digits.length - 1 <= (mobileLength(country) ?? 0)) return undefined;
  const abroad = validNumber(`+${digits.slice(1)}`);
  return abroad?.canBeMobile ? abroad : undefined;
}

/**
 * True if the number may be another country's without its plus: its groups cross the end of the calling code, or it is as long as
 * a domestic number.
 */
function isDoubtful({ callingCode, canBeMobile, shown }: Valid, written: string, country: Country): boolean {
  if (callingCode === callingCodeOf(country)) return false;
  const groups = groupsOf(written);
  if (groups === groupsOf(shown())) return false;
  if (groups.includes(' ') && !groups.startsWith(`${callingCode} `)) return true;
  return looksHomemade(written.replace(/\D/g, ''), country, canBeMobile);
}

/**
 * Chooses between two readings. First by the groups, if they fit only one reading. Then by a calling code in the cell beside,
 * because the number has none of its own. Then by kind: a fixed line takes no messages, so it counts only if its code is a group
 * of its own, if it is written as at home, or if it is as long as a mobile of its country without trunk prefix.
 */
export function choose(readings: readonly Reading[], written: string, isSplit: boolean): Reading | undefined {
  const groups = groupsOf(written.replace(/^\(?00/, '+'));
  const hasOwnCode = ({ isNational, callingCode }: Reading) =>
    !isNational && groups.replace(/^0/, '').startsWith(`${callingCode} `);
  const isAlike = (one: Reading) =>
    one.isNational
      ? [one.shownAtHome(), one.shown().slice(1 + one.callingCode.length)].some((shown) => groups === groupsOf(shown))
      : groups === groupsOf(one.shown());
  const alike = readings.filter(isAlike);
  const [only] = alike;
  if (only !== undefined && alike.length === 1 && groups.includes(' '))
    if (only.canBeMobile || !readings.some(hasOwnCode)) return only;
  const national = readings.find(({ isNational }) => isNational);
  if (national === undefined) return undefined;
  const likely = readings.filter(
    (one) => one.canBeMobile || (one === national ? isAsAtHome(one, written) : hasOwnCode(one)),
  );
  const isRepeated = likely.some((one) => one !== national && one.callingCode === national.callingCode);
  if (isSplit && likely.includes(national) && !isRepeated) return national;
  return likely.length === 1 && likely[0]?.canBeMobile ? likely[0] : undefined;
}

function isAsAtHome({ country, shownAtHome }: Reading, written: string): boolean {
  const digits = written.replace(/\D/g, '');
  return digits === shownAtHome().replace(/\D/g, '') || (country !== null && digits.length === mobileLength(country));
}

export function groupsOf(written: string): string {
  return (written.match(/\d+/g) ?? []).join(' ');
}
