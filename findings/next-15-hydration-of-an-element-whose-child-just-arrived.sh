#!/usr/bin/env bash
# next 15.5.28 and 16.4.6, each with the React that it brings along; jsdom 29.1.1.
#
# Guess:     a page hydrates without complaint if the server and the browser render the same elements.
# Behaviour: with Next.js 15 that depends on when the page's data arrives. If an element's child is a row of that data which is not there yet
#            (an async component, or what React moved into a row of its own because of its size), React yields once and looks again. If
#            the row arrived meanwhile, it begins the element anew, but from the place inside of it (`replaySuspendedUnitOfWork`): it finds
#            the element's child where it expects the element, reports error 418 and renders the whole page again. If a component is
#            between the element and the row, React begins that component anew, and nothing is lost.
#            https://github.com/react/react/pull/35494 mends it: React 19.3.0, and so Next.js 16.4.6, but not React 19.2.
#
# Output seen:
#   15.5.28, in an element: #418
#   15.5.28, in a component in an element: hydrated
#   16.4.6, in an element: hydrated
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >hydrate.cjs <<'END'
const { createRequire } = require('node:module');
const { JSDOM } = require('jsdom');
const { window } = new JSDOM('<div id="page"><main><b>late</b></main></div>');
Object.assign(globalThis, { window, document: window.document });
const load = createRequire(`${process.cwd()}/`);
const { createElement, startTransition } = load('next/dist/compiled/react');
const { hydrateRoot } = load('next/dist/compiled/react-dom/client');
// As React keeps a row that has not arrived; this one arrives right after it was asked for.
const row = Object.assign(new Promise((arrive) => setTimeout(arrive)), { status: 'pending' });
function read() {
  if (row.status === 'fulfilled') return createElement('b', null, 'late');
  queueMicrotask(() => { row.status = 'fulfilled'; });
  throw row;
}
const late = { $$typeof: Symbol.for('react.lazy'), _payload: row, _init: read };
const Between = ({ children }) => children;
const child = process.argv[2] === 'between' ? createElement(Between, null, late) : late;
let said = 'hydrated';
startTransition(() => hydrateRoot(document.getElementById('page'), createElement('main', null, child), {
  onRecoverableError: ({ message }) => { said = /#\d+/.exec(message)?.[0] ?? message; },
}));
setTimeout(() => { console.log(said); process.exit(); }, 500);
END
for version in 15.5.28 16.4.6; do
  mkdir "$version"
  (cd "$version" && echo '{ "private": true }' >package.json &&
    npm install --no-audit --no-fund --silent "next@$version" react@19.1.0 react-dom@19.1.0 >/dev/null)
done
echo '{ "private": true }' >package.json
npm install --no-audit --no-fund --silent jsdom@29.1.1 >/dev/null
hydrate() { (cd "$1" && NODE_ENV=production node ../hydrate.cjs "${2:-}"); }
element=$(hydrate 15.5.28)
component=$(hydrate 15.5.28 between)
mended=$(hydrate 16.4.6)
echo "15.5.28, in an element: $element"
echo "15.5.28, in a component in an element: $component"
echo "16.4.6, in an element: $mended"
[ "$element" = '#418' ] && [ "$component" = hydrated ] && [ "$mended" = hydrated ]
