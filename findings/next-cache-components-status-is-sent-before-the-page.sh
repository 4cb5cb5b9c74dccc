#!/usr/bin/env bash
# next 16.4.6 and react 19.3.1, with cacheComponents.
#
# Guess:     a page with `instant = false` that calls notFound() outside of any <Suspense> answers 404, as it does without cacheComponents;
#            and redirect() answers 307.
# Behaviour: both answer 200. The page still has a prerendered shell, here an empty one, and `next start` sends its status and headers before
#            it resumes the render. Then notFound() and redirect() are done by a script: the document holds neither the page for 404
#            nor a link or <meta http-equiv="refresh">. What runs before the page keeps its status: a proxy.
#            https://nextjs.org/docs/app/api-reference/file-conventions/loading#status-codes says so since 16.4;
#            https://github.com/vercel/next.js/issues/98518, https://github.com/vercel/next.js/pull/95561 (open).
#
# Output seen:
#   without cacheComponents: notFound() 404, redirect() 307
#   with cacheComponents: notFound() 200, redirect() 200, proxy 404
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"
export NEXT_TELEMETRY_DISABLED=1
echo '{ "private": true, "type": "module" }' >package.json
npm install --no-audit --no-fund --silent next@16.4.6 react@19.3.1 react-dom@19.3.1 >/dev/null
mkdir -p 'app/[[...path]]'
echo 'export default ({ children }) => <html><body>{children}</body></html>;' >app/layout.jsx
page() {
  cat <<END_OF_PAGE
import { headers } from 'next/headers';
import { notFound, redirect } from 'next/navigation';
import { connection } from 'next/server';
$1
export default async function Page({ params }) {
  await connection();
  const { path = [] } = await params;
  if (path[0] === 'away') redirect('/');
  if ((await headers()).get('x-user') === null && path.length > 0) notFound();
  return <p>page</p>;
}
END_OF_PAGE
}
cat >proxy.js <<'END_OF_PROXY'
export function proxy(request) {
  if (request.nextUrl.pathname === '/proxied') return new Response('Not found', { status: 404 });
}
END_OF_PROXY
serve() {
  node_modules/.bin/next build >build.log 2>&1
  port=$(node -p 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); }); ""' | tail -1)
  node node_modules/next/dist/bin/next start -p "$port" >start.log 2>&1 &
  server=$!
  until grep -q 'Ready in' start.log; do sleep 0.2; done
}
status() { curl -s -o answer.html -w '%{http_code}' "http://127.0.0.1:$port$1"; }
end() {
  kill "$server"
  wait "$server" || true
  server=
}

echo 'export default { cacheComponents: false };' >next.config.js
page '' >'app/[[...path]]/page.jsx'
serve
plain="notFound() $(status /x), redirect() $(status /away)"
end
echo "without cacheComponents: $plain"

echo 'export default { cacheComponents: true };' >next.config.js
page 'export const instant = false;' >'app/[[...path]]/page.jsx'
serve
cached="notFound() $(status /x), redirect() $(status /away)"
if grep -q 'http-equiv="refresh"' answer.html; then cached="$cached with a refresh"; fi
cached="$cached, proxy $(status /proxied)"
end
echo "with cacheComponents: $cached"
[ "$plain" = 'notFound() 404, redirect() 307' ] && [ "$cached" = 'notFound() 200, redirect() 200, proxy 404' ]
