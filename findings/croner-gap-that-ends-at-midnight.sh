#!/usr/bin/env bash
# croner 11.0.1 (the cron reader of Deno and others) on Node 22.
#
# Guess:     «a fixed-time job in a DST gap runs at the first valid time after the gap», as its types say of `fixedTimeRule`. So
#            `30 23 * * *` fires once on every day of every zone.
# Behaviour: not where the gap ends at midnight. In America/Nuuk the clock goes from 23:00 to 00:00 on the last Saturday of March:
#            a job of 23:00 to 23:59 does not fire on that day at all. The same gap in the middle of a day (Berlin, 02:00 to 03:00)
#            is handled. A check of every minute of the day against every change of a clock from 2026 to 2030 in the 418 zones of
#            Node's ICU found this one kind of change, five times, and no other.
#
# Output seen (the wall clock of 2026-03-28 misses in the second line):
#   Europe/Berlin 30 2 * * *: 2026-03-28T01:30Z 2026-03-29T01:00Z 2026-03-30T00:30Z
#   America/Nuuk 30 23 * * *: 2026-03-28T01:30Z 2026-03-30T00:30Z 2026-03-31T00:30Z
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent croner@11.0.1 >/dev/null
cat >look.mjs <<'JS'
import { Cron } from 'croner';
const runs = (cron, timezone, from) => new Cron(cron, { timezone, paused: true, fixedTimeRule: 'no-wildcard' }).nextRuns(3, new Date(from)).map((at) => `${at.toISOString().slice(0, 16)}Z`);
const berlin = runs('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z');
const nuuk = runs('30 23 * * *', 'America/Nuuk', '2026-03-27T12:00:00Z');
console.log('Europe/Berlin 30 2 * * *:', ...berlin);
console.log('America/Nuuk 30 23 * * *:', ...nuuk);
process.exit(berlin[1] === '2026-03-29T01:00Z' && nuuk[1] === '2026-03-30T00:30Z' ? 0 : 1);
JS
node look.mjs
