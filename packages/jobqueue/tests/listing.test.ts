/**
 * Reads of screens: pages of jobs by keyset, groups of dead letters, the overview, related data of a job; and replays with a new
 * payload.
 */
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { createQueue, defineJob, HIDDEN, type JobsQuery, type Queue, secret } from '../src/index.ts';
import { counting, emptyTables, queueOf, rows, works } from './support.ts';

const ANN = { actor: 'ann' };

describeOnOneDriver('a page of jobs', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('shows every job once, page by page, pending ones as they will run and all of them newest first', async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJobs(
      Array.from({ length: 23 }, (_, n) => ({
        type: n % 2 ? ('work' as const) : ('other' as const),
        payload: { mode: 'noop' as const, n },
        options: { delayMs: 1_000_000 - n * 1_000, priority: n % 3 },
      })),
    );
    const ids = added.map(({ id }) => id);
    expect(await allPages(queue, { status: 'PENDING' })).toEqual(ids.toReversed());
    expect(await allPages(queue, {})).toEqual(ids.toReversed());
    expect(await allPages(queue, { status: 'PENDING', type: 'work' })).toHaveLength(11);
    expect(await allPages(queue, { queue: 'none' })).toEqual([]);
  });

  test('finds jobs by status, live and finished ones in one list', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs([...works(3), { type: 'work', payload: { mode: 'fail_for_good' } }]);
    await queue.drain({ budgetMs: 10_000 });
    const waiting = await queue.addJob('work', { mode: 'noop' }, { delayMs: 60_000 });
    await queue.cancel({ ids: [waiting?.id ?? ''] }, { ...ANN, reason: 'not wanted' });
    await queue.addJob('other', { mode: 'noop' }, { delayMs: 60_000 });
    const statuses = async (query: JobsQuery) => (await queue.listJobs(query)).jobs.map(({ status }) => status);
    expect(await statuses({})).toEqual(['PENDING', 'CANCELLED', 'DEAD_LETTER', 'COMPLETED', 'COMPLETED', 'COMPLETED']);
    expect(await statuses({ status: 'COMPLETED' })).toHaveLength(3);
    expect(await statuses({ status: 'CANCELLED', type: 'work' })).toEqual(['CANCELLED']);
    expect(await statuses({ status: 'CANCELLED', type: 'other' })).toEqual([]);
    expect(await queue.listJobs({ status: 'DEAD_LETTER' })).toMatchObject({
      jobs: [{ status: 'DEAD_LETTER', error: { name: 'NonRetryableError', message: 'no use' } }],
      next: null,
      searchedTo: null,
    });
  });

  test('finds a job by its id, and those that hold a key by its beginning', async () => {
    const { queue } = queueOf(setup.database);
    const keyed = async (key: string) =>
      (await queue.addJob('work', { mode: 'noop' }, { idempotencyKey: key, delayMs: 60_000 }))?.id ?? '';
    const lead = [await keyed('lead:1'), await keyed('lead:2'), await keyed('lead:20')];
    const other = await keyed('100%_sure');
    expect(await allPages(queue, { search: 'lead:' })).toEqual(lead);
    expect(await allPages(queue, { search: 'lead:2' })).toEqual(lead.slice(1));
    expect(await allPages(queue, { search: '100%_' })).toEqual([other]);
    expect(await allPages(queue, { search: 'lead:', type: 'other' })).toEqual([]);
    expect(await allPages(queue, { search: other })).toEqual([other]);
    expect(await allPages(queue, { search: '9'.repeat(18) })).toEqual([]);
  });

  test('finds jobs by the time at which they were created, or are due', async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJobs(works(10, { mode: 'noop' }, { delayMs: 3_600_000 }));
    await rows(
      setup.database,
      `update jobqueue.jobs j set created_at = now() - (10 - n) * interval '1 hour'
       from (select id, row_number() over (order by id) as n from jobqueue.jobs) p where p.id = j.id`,
    );
    const from = new Date(Date.now() - 5.5 * 3_600_000);
    const until = new Date(Date.now() - 2.5 * 3_600_000);
    const ids = added.map(({ id }) => id);
    expect(await allPages(queue, { from, until })).toEqual(ids.slice(4, 7).toReversed());
    expect(await allPages(queue, { status: 'PENDING', until: new Date(Date.now() + 1_800_000) })).toEqual([]);
    expect(await allPages(queue, { status: 'PENDING', from: new Date() })).toHaveLength(10);
  });

  test('where no index knows the filter looks at 20,000 ids, says how far it came, and goes on there', async () => {
    const { queue } = queueOf(setup.database);
    await rows(
      setup.database,
      `insert into jobqueue.job_history (id, created_at, due_at, fence, status, attempt, max_attempts, priority, queue, type, payload)
       select n, now(), now(), 1, 'COMPLETED', 1, 3, 0, 'default', case when n = 3 then 'rare' else 'work' end, '{}'
       from generate_series(1, 45000) as n`,
    );
    const first = await queue.listJobs({ type: 'rare' });
    expect(first).toMatchObject({ jobs: [], searchedTo: '25001' });
    const second = await queue.listJobs({ type: 'rare' }, { after: first.next ?? '' });
    expect(second).toMatchObject({ jobs: [], searchedTo: '5001' });
    expect(await queue.listJobs({ type: 'rare' }, { after: second.next ?? '' })).toMatchObject({
      jobs: [{ id: '3', type: 'rare' }],
      next: null,
    });
  });

  test('refuses a cursor that is not its own, and text that Postgres cannot read', async () => {
    const { queue } = queueOf(setup.database);
    const page = (query: JobsQuery, after?: string) => queue.listJobs(query, after === undefined ? {} : { after });
    const forged = Buffer.from('["yesterday","1"]').toString('base64url');
    const noYear = Buffer.from('["0000-01-01T00:00:00+00:00","1"]').toString('base64url');
    for (const after of ['', 'x', forged, noYear, Buffer.from('["1; drop"]').toString('base64url')])
      await expect(page({ status: 'PENDING' }, after)).rejects.toMatchObject({ code: 'option_invalid' });
    await expect(page({ search: 'a\0' })).rejects.toMatchObject({ code: 'option_invalid' });
    await expect(page({ type: "'" })).rejects.toMatchObject({ code: 'option_invalid' });
  });

  test('takes the highest id that there can be as a place like any other', async () => {
    const { queue } = queueOf(setup.database);
    const id = (await queue.addJob('work', { mode: 'noop' }))?.id ?? '';
    const highest = '9223372036854775807';
    const after = Buffer.from(JSON.stringify([highest])).toString('base64url');
    const { jobs } = await queue.listJobs({}, { after });
    expect(jobs.map((job) => job.id)).toEqual([id]);
    expect(await queue.tail({ after: highest })).toEqual([]);
    expect(await queue.tail({ after: highest, ids: [highest, id] })).toMatchObject([{ id }]);
    expect(await queue.getJob(highest)).toBeNull();
  });
});

describeOnOneDriver('dead letters', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('are grouped by type and what went wrong, numbers and ids aside, and a group is replayed by its fingerprint', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(works(7, { mode: 'throw' }, { maxAttempts: 1 }));
    for (let n = 0; n < 5; n++)
      seen.results.set(
        n,
        Object.assign(new Error(`Bitrix24: lead ${n} of 4f6c2a10-0000-4000-8000-00000000000${n} is gone`), {
          code: 'E1',
        }),
      );
    seen.results.set(
      5,
      Object.assign(new Error('Bitrix24: lead 5 of 4f6c2a10-0000-4000-8000-000000000005 is gone'), { code: 'E2' }),
    );
    seen.results.set(6, new Error('busy'));
    await queue.drain({ budgetMs: 10_000 });

    const { groups, total: all, more } = await queue.deadGroups({ type: 'work' });
    expect({ all, more }).toEqual({ all: { n: 7, atLeast: false }, more: false });
    expect(groups.map(({ total, errorCode, shape }) => [total.n, errorCode, shape])).toEqual(
      [
        [5, 'E1', 'Bitrix24: lead # of # is gone'],
        [1, null, 'busy'],
        [1, 'E2', 'Bitrix24: lead # of # is gone'],
      ]
        .sort((a, b) => Number(b[0]) - Number(a[0]))
        .map((group) => expect.arrayContaining(group)),
    );
    expect(await queue.deadGroups({ type: 'other' })).toMatchObject({ groups: [] });

    const fingerprint = groups[0]?.fingerprint ?? '';
    expect(await queue.previewReplay({ type: 'work', fingerprint })).toMatchObject({ total: 5, atLeast: false });
    expect(await queue.replay({ type: 'work', fingerprint }, ANN)).toMatchObject({ changed: 5 });
    expect(await queue.deadGroups()).toMatchObject({ total: { n: 2 } });
  });

  /** Dead letters of one error, the first to die the longest ago; ids rise the other way round. */
  const bury = (count: number, message: string, minutesAgo: number, type = 'work', queue = 'default') =>
    rows(
      setup.database,
      `insert into jobqueue.job_history (id, status, created_at, due_at, finished_at, fence, attempt, max_attempts, priority, queue, type, payload, errors)
       select nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), now() - $1 * interval '1 min' - n * interval '100 ms', 1, 3, 3, 0,
              $2, $3, '{"mode": "noop"}', jsonb_build_array(jsonb_build_object('name', 'Error', 'message', $4::text || ' ' || n))
       from generate_series(1, $5::int) n`,
      minutesAgo,
      queue,
      type,
      message,
      count,
    );

  test('of 1,962 in four groups beside other types: each group is found, with one number everywhere', async () => {
    const { queue } = queueOf(setup.database);
    await bury(400, 'refused', 500);
    await bury(500, 'down', 400);
    await bury(1_000, 'busy', 300, 'work', 'other');
    await bury(62, 'gone', 600);
    for (let n = 0; n < 6; n++) await bury(3, 'down', 100, `type-${n}`);
    await bury(840, 'busy', 5); // the newest by id, all of one group
    const { groups, total } = await queue.deadGroups({ type: 'work' });
    expect(groups.map((group) => [group.shape, group.total])).toEqual([
      ['busy #', { n: 1_840, atLeast: false }],
      ['down #', { n: 500, atLeast: false }],
      ['refused #', { n: 400, atLeast: false }],
      ['gone #', { n: 62, atLeast: false }],
    ]);
    expect(total).toEqual({ n: 2_802, atLeast: false });
    expect((await queue.deadGroups()).total).toEqual({ n: 2_820, atLeast: false });
    const { lanes } = await queue.overview();
    const dead = lanes.filter(({ type }) => type === 'work').map((lane) => lane.dead);
    expect(dead).toEqual([
      { n: 1_802, atLeast: false },
      { n: 1_000, atLeast: false },
    ]);
    expect(await queue.previewReplay({ type: 'work' })).toMatchObject({ total: 2_802, atLeast: false });
    expect(await queue.metrics()).toContain('jobqueue_dead_letters{type="work"} 2802');
    const check = (await queue.health()).checks.find(({ name }) => name === 'dead_letters');
    expect(check?.detail).toContain('840 work dead letters in the last hour');
  });

  test('beyond ten thousand are counted as «so many or more», everywhere', async () => {
    const { queue } = queueOf(setup.database);
    await bury(10_001, 'down', 0);
    const bound = { n: 10_000, atLeast: true };
    const { groups, total } = await queue.deadGroups();
    expect([groups[0]?.total, total]).toEqual([bound, bound]);
    expect((await queue.overview()).lanes[0]?.dead).toEqual(bound);
    expect(await queue.previewReplay({ type: 'work' })).toMatchObject({ total: 10_000, atLeast: true });
    const check = (await queue.health()).checks.find(({ name }) => name === 'dead_letters');
    expect(check?.detail).toContain('+ work dead letters in the last hour');
  });

  test('of a group are listed the latest deaths first, page by page, whatever their ids, and told with the latest of all', async () => {
    const { queue } = queueOf(setup.database);
    await bury(30, 'down', 0);
    await bury(30, 'down', 60);
    await bury(5, 'other', 30);
    const [group] = (await queue.deadGroups()).groups;
    const { type = '', fingerprint = '' } = group ?? {};
    const query = { status: 'DEAD_LETTER', type, fingerprint } as const;
    const first = await queue.listJobs(query, { limit: 40 });
    const second = await queue.listJobs(query, { limit: 40, after: first.next ?? '' });
    const deaths = [...first.jobs, ...second.jobs].map(({ finishedAt }) => finishedAt?.getTime() ?? 0);
    expect(deaths).toHaveLength(60);
    expect(deaths).toEqual(deaths.toSorted((a, b) => b - a));
    expect(second.next).toBeNull();
    expect(group).toMatchObject({ sampleId: first.jobs[0]?.id, lastAt: first.jobs[0]?.finishedAt });
    await expect(queue.listJobs({ type, fingerprint })).rejects.toMatchObject({ code: 'option_invalid' });
    const { samples } = await queue.previewReplay({ type });
    expect(samples.map(({ id }) => id)).toEqual(first.jobs.slice(0, 5).map(({ id }) => id));
  });

  test('of 1,300 groups the largest and those with the latest deaths are found', async () => {
    const { queue } = queueOf(setup.database);
    await rows(
      setup.database,
      `insert into jobqueue.job_history (id, status, created_at, due_at, finished_at, fence, attempt, max_attempts, priority, queue, type, payload, errors)
       select nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), now() - interval '1 h' - n * interval '1 s', 1, 3, 3, 0, 'default', 'a', '{}',
              jsonb_build_array(jsonb_build_object('name', 'Error' || n, 'message', ''))
       from generate_series(1, 1300) n`,
    );
    await bury(3, 'just now', 0, 'z');
    const { groups, more, total } = await queue.deadGroups();
    expect(groups[0]).toMatchObject({ type: 'z', shape: 'just now #', total: { n: 3, atLeast: false } });
    expect(more).toBe(true);
    expect(total.atLeast).toBe(true);
    expect(groups.length).toBeLessThanOrEqual(200);
  });
});

describeOnOneDriver('an amended replay', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  const payload = z.object({
    to: z.string().min(1),
    token: secret(z.string()),
    nested: z.object({ pin: secret(z.number()).optional() }).optional(),
  });
  const sender = () =>
    createQueue({
      database: setup.database,
      logJobs: 'none',
      jobs: [
        defineJob({
          type: 'send',
          payload,
          maxAttempts: 1,
          handler: async () => ({
            run: async (context) => {
              if (context.payload.to === 'nobody') throw new Error('nobody');
              return context.payload;
            },
          }),
        }),
      ],
    });

  test('runs with the new payload; secrets that were hidden and left alone stay what they were', async () => {
    const queue = sender();
    const sent = { to: 'nobody', token: 's3cret', nested: { pin: 7 } };
    const id = (await queue.addJob('send', sent, { idempotencyKey: 'k' }))?.id ?? '';
    await queue.drain({ budgetMs: 10_000 });

    const shown = queue.redactPayload('send', (await queue.getJob(id))?.payload);
    expect(shown).toEqual({ to: 'nobody', token: HIDDEN, nested: { pin: HIDDEN } });
    expect(queue.redactPayload('unknown', sent)).toBe(HIDDEN);
    const edited = { ...(shown as object), to: 'ann' };
    expect(await queue.replayWithPayload(id, edited, ANN)).toEqual({ replayed: true, holder: null });
    await queue.drain({ budgetMs: 10_000 });
    expect(await queue.getJob(id)).toMatchObject({
      status: 'COMPLETED',
      payload: { ...sent, to: 'ann' },
      result: { ...sent, to: 'ann' },
    });
    const log = await queue.auditLog();
    expect(log.map(({ action }) => action)).toEqual(['replay.amended', 'replay.done', 'replay']);
    expect(JSON.stringify(log)).not.toContain('s3cret');
    expect((await queue.related(id)).audit.map(({ action }) => action)).toEqual(['replay.amended', 'replay']);
  });

  test('is refused by the schema, and while another job holds the key: then nothing has changed', async () => {
    const queue = sender();
    const sent = { to: 'nobody', token: 't' };
    const id = (await queue.addJob('send', sent, { idempotencyKey: 'k' }))?.id ?? '';
    await queue.drain({ budgetMs: 10_000 });
    await expect(queue.replayWithPayload(id, { to: '', token: HIDDEN }, ANN)).rejects.toMatchObject({
      code: 'payload_invalid',
    });
    await expect(queue.replayWithPayload('404', sent, ANN)).rejects.toMatchObject({ code: 'job_unknown' });

    const holder = await queue.addJob('send', { to: 'bob', token: 'u' }, { idempotencyKey: 'k', delayMs: 60_000 });
    expect(await queue.replayWithPayload(id, { to: 'ann', token: HIDDEN }, ANN)).toEqual({
      replayed: false,
      holder: holder?.id,
    });
    expect(await queue.getJob(id)).toMatchObject({ status: 'DEAD_LETTER', payload: sent });
    expect(await queue.replayWithPayload(holder?.id ?? '', { to: 'ann', token: HIDDEN }, ANN)).toMatchObject({
      replayed: false,
    });
  });
});

describeOnOneDriver('the overview', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('counts what is ready, scheduled, running and dead per queue and type, to a bound that it names', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs([
      ...works(1_100),
      ...works(3, { mode: 'noop' }, { delayMs: 60_000 }),
      { type: 'other', payload: { mode: 'noop' }, options: { queue: 'side', delayMs: 60_000 } },
    ]);
    await queue.pause({ type: 'other' }, { ...ANN, reason: 'INC-7' });
    expect(await queue.overview()).toMatchObject({
      lanes: [
        {
          queue: 'default',
          type: 'work',
          ready: { n: 1_000, atLeast: true },
          scheduled: { n: 3, atLeast: false },
          running: 0,
          paused: false,
        },
        { queue: 'side', type: 'other', ready: { n: 0 }, scheduled: { n: 1 }, paused: true, oldestDue: null },
      ],
      pauses: [{ queue: '*', type: 'other', reason: 'INC-7', since: expect.any(Date) }],
      openDrains: 0,
      ticks: [],
    });

    await emptyTables(setup.database);
    await queue.addJobs([
      { type: 'work', payload: { mode: 'wait' } },
      { type: 'work', payload: { mode: 'fail_for_good' } },
    ]);
    const started = new Promise((resolve) => {
      seen.onStart = ({ payload }) => (payload.mode === 'wait' ? resolve(undefined) : undefined);
    });
    const stop = new AbortController();
    const draining = queue.drain({ source: 'cron', budgetMs: 30_000, signal: stop.signal });
    await started;
    await expect
      .poll(async () => (await queue.overview()).lanes[0], { timeout: 10_000 })
      .toMatchObject({
        ready: { n: 0 },
        running: 1,
        dead: { n: 1, atLeast: false },
      });
    const { jobs } = await queue.listJobs({ status: 'PROCESSING' });
    expect(jobs).toMatchObject([{ status: 'PROCESSING', type: 'work' }]);
    const { drains } = await queue.related(jobs[0]?.id ?? '');
    expect(drains).toMatchObject([{ source: 'cron', holds: true }]);
    expect(await queue.drains({ id: drains[0]?.id ?? '' })).toMatchObject([{ id: drains[0]?.id, state: 'running' }]);
    expect(await queue.overview()).toMatchObject({ openDrains: 1, ticks: [{ id: drains[0]?.id, state: 'running' }] });
    stop.abort();
    await draining;
  });

  test('of 300 queues shows the latest, says how many it leaves out, and lists their pending jobs as they will run', async () => {
    const { queue } = queueOf(setup.database);
    await rows(
      setup.database,
      `insert into jobqueue.jobs (type, queue, payload, payload_bytes, due_at)
       select 'work', 'q' || n, '{"mode": "noop"}', 16, now() + (150 - n) * interval '1 minute' from generate_series(1, 300) n`,
    );
    const { lanes, leftOut } = await queue.overview();
    expect(leftOut).toEqual({ lanes: 100, dead: false, pauses: false });
    expect(lanes).toHaveLength(200);
    expect(lanes.map((lane) => lane.queue)).toContain('q300');
    const { jobs, isPart } = await queue.listJobs({ status: 'PENDING' }, { limit: 200 });
    expect(jobs.map((job) => job.queue)).toEqual(Array.from({ length: 200 }, (_, n) => `q${300 - n}`));
    expect(isPart).toBe(false);
    const { checks } = await queue.health();
    expect(checks.find(({ name }) => name === 'oldest_due')).toMatchObject({ ok: false });
    expect(await queue.preview()).toMatchObject({ due: 151, more: false });
  });

  test('costs the first screen four statements: health with its try of a write, the lanes and the hour’s counts', async () => {
    const { database, statements } = counting(setup.database);
    const { queue } = queueOf(database);
    await Promise.all([queue.health(), queue.overview(), queue.stats({ by: 'minute', together: true })]);
    expect(statements).toHaveLength(4);
  });

  test('counts the jobs that an operation would mean', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(12));
    expect(await queue.countJobs({ type: 'work' })).toEqual({ n: 12, atLeast: false });
    expect(await queue.countJobs({ type: 'other' })).toEqual({ n: 0, atLeast: false });
    await queue.addJobs(works(1_000));
    expect(await queue.countJobs({ type: 'work' })).toEqual({ n: 1_000, atLeast: true });
  });

  test('sums all types minute by minute where it is asked to', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs([...works(3), { type: 'other', payload: { mode: 'noop' } }]);
    await queue.drain({ budgetMs: 10_000 });
    const minutes = await queue.stats({ by: 'total', together: true });
    expect(minutes).toMatchObject([{ type: '*', completed: 4, run: { count: 4 } }]);
  });
});

describeOnOneDriver('a token', (setup) => {
  test('is there or not, at once', async () => {
    const { queue } = queueOf(setup.database);
    const take = () => queue.takeToken('login', { perSecond: 0.001, burst: 2 });
    expect([await take(), await take(), await take()]).toEqual([true, true, false]);
    await expect(queue.takeToken('', { perSecond: 1, burst: 1 })).rejects.toMatchObject({ code: 'option_invalid' });
  });
});

async function allPages(queue: Pick<Queue<[]>, 'listJobs'>, query: JobsQuery): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const page = await queue.listJobs(query, { limit: 4, ...(after !== '' && { after }) });
    ids.push(...page.jobs.map(({ id }) => id));
    after = page.next;
  }
  return ids;
}
