/** Decides which numbers the database takes: the check constraint `phone_is_e164`, and nothing else, in the same characters. */

/** Fifteen digits are the most that E.164 allows; libphonenumber calls some of sixteen and seventeen valid. */
export const E164 = /^\+[1-9][0-9]{4,14}$/;

export function isStorablePhone(phone: string): boolean {
  return E164.test(phone);
}
