/** A restore or a cut-over that carried rows and no sequences: ids are given again, and neither jobs nor batches may suffer for it. */
import { beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import { emptyTables, makeDue, queueOf, rows, statuses, type Witness, witness, works } from './support.ts';

const noop = { mode: 'noop' } as const;
const BY = { actor: 'ann' };
const DRAIN = { budgetMs: 5_000 };

describeOnOneDriver('a sequence that is behind its rows', (setup) => {
  const setBack = (sequence: string) => rows(setup.database, 'select setval($1, 1, false)', `jobqueue.${sequence}`);

  beforeEach(async () => {
    await emptyTables(setup.database);
    await rows(setup.database, emptied('jobqueue.flows'));
    await setBack('jobs_id_seq');
  });

  const ids = () =>
    rows<{ id: string; n: number }>(
      setup.database,
      `select id::text as id, (payload ->> 'n')::int as n from jobqueue.jobs
       union all select id::text, (payload ->> 'n')::int from jobqueue.finished_jobs order by n`,
    );

  /** As the release before left them: finished jobs 1 to 3, and live ones that were given their ids again, among others. */
  const twins = async (mode: 'noop' | 'fail' | 'fail_for_good' | 'cancel', seen: Witness) => {
    const { queue } = queueOf(setup.database, seen);
    await queue.addJobs(works(3, { mode: 'fail_for_good' }));
    await queue.drain(DRAIN);
    await rows(
      setup.database,
      `insert into jobqueue.jobs (id, type, payload, payload_bytes, max_attempts)
       select id, 'work', jsonb_build_object('mode', $1::text, 'n', 10 + id), 20, 2 from generate_series(1, 3) as g(id)`,
      mode,
    );
    await queue.addJobs(works(3).map((job) => ({ ...job, payload: { ...noop, n: 20 } })));
    seen.starts.clear();
    return queue;
  };

  test('gives no job an id that another one has, be it alone, of a batch or of a flow', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(works(20));
    await queue.drain(DRAIN);
    await setBack('jobs_id_seq');
    const alone = await queue.addJob('work', { mode: 'noop', n: 30 }, { idempotencyKey: 'k' });
    await setBack('jobs_id_seq');
    const batch = await queue.addJobs(works(5));
    await setBack('jobs_id_seq');
    const flow = await queue.addFlow({ type: 'work', payload: noop, children: [{ type: 'work', payload: noop }] });

    const taken = [alone?.id, ...batch.map(({ id }) => id), flow?.id, flow?.children[0]?.id].map(Number);
    expect(new Set(taken).size).toBe(8);
    expect(Math.min(...taken)).toBeGreaterThan(20);
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).toBeNull();
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'k' })).toMatchObject({ id: alone?.id });
    expect(await queue.drain(DRAIN)).toMatchObject({ completed: 8, lost: 0 });
    expect(new Set(seen.starts.values())).toEqual(new Set([1]));
    expect(await queue.waitFor(alone?.id ?? '')).toMatchObject({ payload: { n: 30 } });
  });

  test('gives those who find out at the same time different ids', async () => {
    const queues = Array.from({ length: 3 }, () => queueOf(setup.connect()).queue);
    await queues[0]?.addJobs(works(20));
    await setBack('jobs_id_seq');
    await Promise.all(Array.from({ length: 30 }, (_, n) => queues[n % 3]?.addJobs(works(3))));
    const all = await ids();
    expect(all).toHaveLength(110);
    expect(new Set(all.map(({ id }) => id)).size).toBe(110);
  });

  test.for([
    ['noop', { completed: 6 }, 1],
    ['fail_for_good', { completed: 3, deadLettered: 3 }, 1],
    ['cancel', { completed: 3, cancelled: 3 }, 1],
    ['fail', { completed: 3, deadLettered: 3 }, 2],
  ] as const)(
    'twins that end as %s: the batch is settled, each handler ran as often as it may',
    async ([mode, report, runs]) => {
      const seen = witness();
      const queue = await twins(mode, seen);
      expect(await queue.getJob('2')).toMatchObject({ status: 'PENDING', payload: { n: 12 } });
      if (mode === 'fail') {
        expect(await queue.drain({ ...DRAIN, limit: 6 })).toMatchObject({ retried: 3, completed: 3 });
        await makeDue(setup.database);
        expect(await queue.drain(DRAIN)).toMatchObject({ deadLettered: 3, lost: 0 });
      } else expect(await queue.drain(DRAIN)).toMatchObject({ ...report, lost: 0, steps: expect.any(Number) });
      expect(['1', '2', '3'].map((id) => seen.starts.get(id))).toEqual([runs, runs, runs]);
      expect([...seen.starts].filter(([id]) => Number(id) > 3).map(([, n]) => n)).toEqual([1, 1, 1]);
      expect(await queue.waitFor('2')).toMatchObject({ payload: { n: 12 } });
      const moved = await rows(
        setup.database,
        `select meta ->> 'formerId' as former from jobqueue.finished_jobs where meta ? 'formerId' and status = 'DEAD_LETTER' order by 1`,
      );
      expect(moved).toEqual([{ former: '1' }, { former: '2' }, { former: '3' }]);
      expect(await ids()).toHaveLength(9);
    },
  );

  test('a twin whose function dies for the third time is a dead letter, and its drain goes on', async () => {
    const queue = await twins('noop', witness());
    await rows(
      setup.database,
      `update jobqueue.jobs set rescues = 2, fence = 3, started_fence = 3, lease_until = now() - interval '1 second' where id = 2`,
    );
    expect(await queue.drain(DRAIN)).toMatchObject({ deadLettered: 1 });
    expect(await queue.drain(DRAIN)).toMatchObject({ stopReason: 'empty' });
    expect(await queue.getJob('2')).toMatchObject({ status: 'DEAD_LETTER', payload: { n: 12 } });
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 5, DEAD_LETTER: 4 });
  });

  test('operators cancel the live twin and replay the dead one, each by its own payload', async () => {
    const queue = await twins('noop', witness());
    expect(await queue.cancel({ ids: ['1'] }, { ...BY, reason: 'test' })).toMatchObject({ changed: 1 });
    expect(await queue.getJob('1')).toMatchObject({ status: 'CANCELLED', payload: { n: 11 } });
    expect(await queue.replayWithPayload('2', { mode: 'noop', n: 99 }, BY)).toEqual({ replayed: true, holder: null });
    expect(await queue.replay({ ids: ['3'] }, BY)).toMatchObject({ changed: 1 });
    const live = await rows<{ n: number }>(
      setup.database,
      `select (payload ->> 'n')::int as n from jobqueue.jobs where (payload ->> 'n')::int <> 20 order by 1`,
    );
    expect(live.map(({ n }) => n)).toEqual([2, 12, 13, 99]);
  });

  test('batches get free numbers, from the first claim on, and health names the sequence until then', async () => {
    const { queue } = queueOf(setup.database);
    for (let n = 0; n < 3; n++) {
      await queue.addJobs(works(2));
      await queue.drain(DRAIN);
    }
    await setBack('batches_id_seq');
    const behind = () => rows(setup.database, 'select sequence::text from jobqueue.sequences_behind_1()');
    expect(await behind()).toEqual([{ sequence: 'jobqueue.batches_id_seq' }]);
    await queue.addJobs(works(2));
    expect(await queue.drain(DRAIN)).toMatchObject({ completed: 2 });
    expect(await behind()).toEqual([]);
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 8 });
  });

  test('an operation by filter means the live jobs whose ids the sequence has yet to give', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(3));
    await setBack('jobs_id_seq');
    expect(await queue.cancel({ type: 'work' }, { ...BY, reason: 'test' })).toMatchObject({ changed: 3 });
  });

  test('pauses, replays and incidents are recorded all the same', async () => {
    const { queue } = queueOf(setup.database);
    await queue.pause({ type: 'work' }, BY);
    await queue.addJob('work', { mode: 'fail_for_good' });
    const replay = () => queue.replay({ type: 'work' }, { ...BY, perMinute: 1 });
    await replay();
    const incident = `insert into jobqueue.incidents (check_name, subject) values ('ticks', $1) returning id::text`;
    await rows(setup.database, incident, 'first');

    for (const sequence of ['audit_log_id_seq', 'replays_id_seq', 'incidents_id_seq']) await setBack(sequence);
    await queue.resume({ type: 'work' }, BY);
    await replay();
    await rows(setup.database, incident, 'second');
    expect((await queue.auditLog()).map(({ action }) => action)).toEqual(['replay', 'resume', 'replay', 'pause']);
    expect(await queue.replays()).toHaveLength(2);
    expect(await rows(setup.database, 'select jobqueue.raise_sequences_1() as behind')).toEqual([{ behind: 0 }]);
    await rows(setup.database, emptied('jobqueue.incidents'));
  });
});
