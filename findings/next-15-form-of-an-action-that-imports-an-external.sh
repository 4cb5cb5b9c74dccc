#!/usr/bin/env bash
# next 15.5.28 and react 19.1.0, built by Turbopack, with pg 8.16.3.
#
# Guess:     a form whose server action imports `pg` works without JavaScript, as React's forms do.
# Behaviour: it answers 500, «Cannot read properties of undefined (reading 'bind')», and the action does not run. `pg` is on Next.js'
#            list of external packages, which Turbopack imports as async modules, and so the action's module is async. The decoder
#            of such a form (`resolveServerReference` in next/dist/compiled/react-server-dom-turbopack) leaves out that it is, and
#            looks for the action on a promise. Sent by React in the browser the same form works: another path loads the module.
#            Next.js 16.4.6 passes it on (`resolvedModuleData.async`).
#
# Output seen:
#   without JavaScript: 500
#   by React: 200
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"
export NEXT_TELEMETRY_DISABLED=1
echo '{ "private": true, "type": "module" }' >package.json
npm install --no-audit --no-fund --silent next@15.5.28 react@19.1.0 react-dom@19.1.0 pg@8.16.3 >/dev/null
mkdir app
echo 'export default ({ children }) => <html><body>{children}</body></html>;' >app/layout.jsx
cat >app/actions.js <<'END'
'use server';
import pg from 'pg';
export async function order(form) { console.log('ran', typeof pg.Client); }
END
cat >app/page.jsx <<'END'
import { order } from './actions';
export default function Page() { return <form action={order}><button>Order</button></form>; }
END
node_modules/.bin/next build --turbopack >build.log
port=$(node -p 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); }); ""' | tail -1)
node node_modules/next/dist/bin/next start -p "$port" >start.log 2>&1 &
server=$!
until grep -q 'Ready in' start.log; do sleep 0.2; done
page=http://127.0.0.1:$port
id=$(curl -s "$page" | grep -o '\$ACTION_ID_[0-9a-f]*' | head -n 1)
plain=$(curl -s -o /dev/null -w '%{http_code}' -F "$id=" "$page")
react=$(curl -s -o /dev/null -w '%{http_code}' -H "next-action: ${id#\$ACTION_ID_}" -F '0=["$K1"]' -F '1_name=Ada' "$page")
echo "without JavaScript: $plain"
echo "by React: $react"
[ "$plain" = 500 ] && [ "$react" = 200 ]
