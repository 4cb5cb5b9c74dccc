#!/usr/bin/env bash
# next 16.4.6 and react 19.3.1, `next dev`.
#
# Guess:     a route handler with `dynamic = 'force-dynamic'` has no static paths, so a request costs the server no more if its path
#            has parameters (`app/a/[...path]/route.js`) than if it has none (`app/b/route.js`).
# Behaviour: in development each request of a path with parameters starts a Node.js process that loads the route to ask for its
#            `generateStaticParams`, and ends it afterwards (`getStaticPaths` in next/dist/server/dev/next-dev-server.js: workers are
#            not used again). What it answered is kept, and yet the next request asks anew, in the background. Requests that overlap
#            share one. A rewrite from `/b/:path+` to `/b` reaches the same handler, with the original URL, and starts none.
#
# Output seen:
#   processes for 5 requests with parameters: 5
#   processes for 5 requests without: 0
#   the handler sees /b/x/y?z=1
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; wait; rm -rf "$folder"' EXIT
cd "$folder"
export NEXT_TELEMETRY_DISABLED=1
echo '{ "private": true, "type": "module" }' >package.json
npm install --no-audit --no-fund --silent next@16.4.6 react@19.3.1 react-dom@19.3.1 >/dev/null
mkdir -p 'app/a/[...path]' app/b
cat >app/b/route.js <<'END'
export const dynamic = 'force-dynamic';
export const GET = (request) => { const { pathname, search } = new URL(request.url); return new Response(pathname + search); };
END
cp app/b/route.js 'app/a/[...path]/route.js'
cat >next.config.js <<'END'
export default { agentRules: false, rewrites: async () => [{ source: '/b/:path+', destination: '/b' }] };
END
# Every Node.js process that starts below the server writes a line.
cat >note.cjs <<'END'
if (/jest-worker.processChild/.test(process.argv[1] ?? '')) require('node:fs').appendFileSync(process.env.NOTES, 'started\n');
END
export NOTES="$folder/notes"
: >"$NOTES"
port=$(node -p 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); }); ""' | tail -1)
NODE_OPTIONS="--require $folder/note.cjs" node node_modules/next/dist/bin/next dev -p "$port" -H 127.0.0.1 >dev.log 2>&1 &
server=$!
until grep -q 'Ready in' dev.log; do sleep 0.2; done
ask() {
  for _ in 1 2 3 4 5 6; do
    curl -sf "http://127.0.0.1:$port$1" >answer
    sleep 2 # a process that runs still would be shared
    [ -n "${first:-}" ] || { first=done; : >"$NOTES"; } # the first request compiles
  done
  wc -l <"$NOTES" | tr -d ' '
}
first=
with=$(ask /a/x/y)
first=
without=$(ask '/b/x/y?z=1')
echo "processes for 5 requests with parameters: $with"
echo "processes for 5 requests without: $without"
echo "the handler sees $(cat answer)"
[ "$with" = 5 ] && [ "$without" = 0 ] && [ "$(cat answer)" = '/b/x/y?z=1' ]
