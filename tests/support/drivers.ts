/**
 * Runs a suite over every driver, or over one of them, each with a database of its own and a network that can be broken.
 * `TEST_DRIVERS=all` runs every suite over every driver; `TEST_DRIVERS=one` runs each over one, which suits a second run on another server.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { emptyDatabase, freshDatabase, type TestDatabase } from './database.ts';
import { DRIVERS, type DriverName } from './driver-parity.ts';
import type { Faults } from './faults.ts';
import { neonEndpoint } from './neon-endpoint.ts';
import { tcpProxy } from './tcp-proxy.ts';

/** The fixture of a suite. Only `driver` may be read before its tests run. */
export interface DriverUnderTest {
  readonly driver: DriverName;
  readonly database: Database;
  readonly faults: Faults;
  /** Reaches the database without driver and faults; used by observers. */
  readonly directUrl: string;
  /** Another database of the same driver, as a second function instance has it. Closed with the suite. */
  connect(): Database;
}

export interface DriverSuiteOptions {
  /** `false`: without our schema. */
  readonly migrated?: boolean;
}

type Suite = (setup: DriverUnderTest) => void;

/**
 * Runs a suite on every driver. Use it for suites about differences of drivers: values, transactions, lost answers, sizes. Every test must run
 * on every driver: if one cannot do a thing, its branch of the test says what it does instead. A skip on one driver fails the run (driver-parity.ts).
 */
export function describeEachDriver(name: string, suite: Suite, options: DriverSuiteOptions = {}): void {
  if (process.env.TEST_DRIVERS === 'one') {
    describeOnOneDriver(name, suite, options);
    return;
  }
  for (const driver of DRIVERS) {
    describe(`${name} [${driver}]`, () => {
      beforeEach(({ task }) => {
        task.meta.driver = driver;
        task.meta.driverSuite = name;
      });
      runOn(driver, suite, options);
    });
  }
}

/**
 * Runs a suite on one driver. Use it for suites about decisions of the queue, which no driver affects: every driver takes the same statements and answers the same values, which
 * packages/jobqueue/tests/drivers shows for each of them. The suites take turns by their names, so that a third of them runs on each driver.
 */
export function describeOnOneDriver(name: string, suite: Suite, options: DriverSuiteOptions = {}): void {
  if (process.env.TEST_DRIVERS === 'all') {
    describeEachDriver(name, suite, options);
    return;
  }
  const driver = DRIVERS[createHash('sha256').update(name).digest().readUInt32BE() % DRIVERS.length] as DriverName;
  describe(`${name} [${driver}]`, () => runOn(driver, suite, options));
}

function runOn(driver: DriverName, suite: Suite, { migrated = true }: DriverSuiteOptions): void {
  let open: Opened | undefined;
  const opened = (): Opened => {
    if (!open) throw new Error('the database of a driver suite is there in its hooks and tests, not before');
    return open;
  };
  beforeAll(async () => {
    open = await openDriver(driver, migrated);
  });
  afterAll(async () => {
    if (open) await closeAndCheck(open);
  });
  suite({
    driver,
    get database() {
      return opened().database;
    },
    get faults() {
      return opened().faults;
    },
    get directUrl() {
      return opened().home.url;
    },
    connect: () => opened().connect(),
  });
}

interface Opened {
  readonly database: Database;
  readonly faults: Faults;
  readonly home: TestDatabase;
  readonly databases: readonly Database[];
  connect(): Database;
  closeNetwork(): Promise<void>;
}

async function openDriver(driver: DriverName, migrated: boolean): Promise<Opened> {
  const home = await (migrated ? freshDatabase() : emptyDatabase());
  const network = await openNetwork(driver, home.url);
  const databases: Database[] = [];
  const another = () => {
    const database = network.connect();
    databases.push(database);
    return database;
  };
  return {
    database: another(),
    faults: network.faults,
    home,
    databases,
    connect: another,
    closeNetwork: network.close,
  };
}

async function openNetwork(
  driver: DriverName,
  url: string,
): Promise<{ faults: Faults; connect: () => Database; close: () => Promise<void> }> {
  if (driver === 'postgres') {
    const proxy = await tcpProxy(url);
    return { faults: proxy.faults, connect: () => connect(proxy.url, { driver }), close: proxy.close };
  }
  const endpoint = await neonEndpoint(url);
  return {
    faults: endpoint.faults,
    connect: () => connect(url, { driver, endpoint: endpoint.origin }),
    close: endpoint.close,
  };
}

/** Long enough for a loaded machine; a connection that is still borrowed then will never come back. */
const CLOSE_MS = 10_000;

async function closeAndCheck({ databases, faults, home, closeNetwork, database }: Opened): Promise<void> {
  faults.latencyMs = 0;
  faults.refuseConnections(false);
  try {
    const closed = Promise.all(databases.map((database) => database.close())).then(() => 'closed');
    const fact = await Promise.race([
      closed,
      new Promise<string>((late) => setTimeout(late, CLOSE_MS, 'late').unref()),
    ]);
    if (fact === 'late') throw new Error('a connection was borrowed and never given back');
    // Those of the HTTP driver belong to fetch, which keeps them for the next request.
    if (database.driver !== 'neon-http')
      await noneLeft('the driver left connections open', () => Array(faults.connections()).fill('one'));
    await closeNetwork();
    await noneLeft('sessions were left on the server', () => sessions(home.url));
  } finally {
    await home.drop();
  }
}

async function noneLeft(what: string, find: () => readonly string[] | Promise<readonly string[]>): Promise<void> {
  const deadline = Date.now() + CLOSE_MS;
  for (;;) {
    const left = await find();
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`${what}: ${left.join('; ')}`);
    await new Promise((next) => setTimeout(next, 10));
  }
}

async function sessions(url: string): Promise<string[]> {
  const observer = new pg.Client(url);
  await observer.connect();
  try {
    const { rows } = await observer.query<{ session: string }>(
      `select concat_ws(' ', pid, application_name, state, left(query, 100)) as session from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    );
    return rows.map(({ session }) => session);
  } finally {
    await observer.end();
  }
}
