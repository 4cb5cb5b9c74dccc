/** Starts the run's PostgreSQL and migrates the template that every test file's database is cloned from. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { MIGRATIONS } from '../../db/migrations.ts';
import { migrate } from '../../packages/jobqueue/src/postgres/migrate.ts';
import { buildPackages } from './packages.ts';
import { compilePrograms } from './programs.ts';
import { startTestServer } from './server.ts';

export const TEMPLATE = 'jobqueue_template';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's maintenance database. */
    postgresUrl: string;
    /** A folder of this run, shared by test files. */
    runFolder: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestServer(process.env.TEST_POSTGRES_BIN);
  try {
    const client = new pg.Client(server.url);
    await client.connect();
    await client.query(`create database ${TEMPLATE}`);
    await client.end();
    const url = new URL(server.url);
    url.pathname = `/${TEMPLATE}`;
    await migrate({ url: url.href, sources: MIGRATIONS });
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide('postgresUrl', server.url);
  buildPackages();
  const runFolder = await mkdtemp(join(tmpdir(), 'jobqueue-run-'));
  project.provide('runFolder', runFolder);
  await compilePrograms(runFolder);
  return async () => {
    await server.stop();
    await rm(runFolder, { recursive: true, force: true });
  };
}
