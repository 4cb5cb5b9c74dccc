#!/usr/bin/env bash
# libphonenumber-js 1.13.16 (max metadata) on Node 20: digits without a plus beside a default country, and how long a valid number is.
#
# Guess:     digits that begin with the default country's own code are that country's international number, as in 971501234567 under
#            AE and 393331234567 under IT; and what `isValid()` accepts is an E.164 number, so it has at most 15 digits.
# Behaviour: the national reading comes first, and counts if it is valid. Germany's plan takes almost any digits as a fixed line, so
#            every German mobile without its plus becomes a fixed line of 14 digits, valid; so does a mobile of the Emirates under DE. In
#            Russia 84951234567 is Moscow, though +84 951 234 567 is a mobile of Vietnam. And a number of 16 digits is valid in DE.
#
# Output seen:
#   491711234567 DE +49491711234567 FIXED_LINE true
#   971501234567 DE +49971501234567 FIXED_LINE true
#   84951234567 RU +74951234567 FIXED_LINE true
#   971501234567 AE +971501234567 MOBILE true
#   393331234567 IT +393331234567 MOBILE true
#   +4930123456123457 - +4930123456123457 FIXED_LINE true
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent libphonenumber-js@1.13.16 >/dev/null
cat >look.mjs <<'JS'
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
const cases = [
  ['491711234567', 'DE'],
  ['971501234567', 'DE'],
  ['84951234567', 'RU'],
  ['971501234567', 'AE'],
  ['393331234567', 'IT'],
  ['+4930123456123457', undefined],
];
const seen = cases.map(([digits, country]) => {
  const number = parsePhoneNumberFromString(digits, country);
  return [digits, country ?? '-', number.number, number.getType(), number.isValid()].join(' ');
});
console.log(seen.join('\n'));
const expected = [
  '491711234567 DE +49491711234567 FIXED_LINE true',
  '971501234567 DE +49971501234567 FIXED_LINE true',
  '84951234567 RU +74951234567 FIXED_LINE true',
  '971501234567 AE +971501234567 MOBILE true',
  '393331234567 IT +393331234567 MOBILE true',
  '+4930123456123457 - +4930123456123457 FIXED_LINE true',
];
process.exit(seen.join() === expected.join() ? 0 : 1);
JS
node look.mjs
