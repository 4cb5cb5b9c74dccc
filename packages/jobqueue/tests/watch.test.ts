/** Incidents and alerts: once per incident whoever looks, told to a real webhook that fails and hangs, and noticed without ticks. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import { SECRET_PATH, type Webhook, webhook } from '../../../tests/support/webhook.ts';
import { rows } from './support.ts';
import { aMinuteLater, calm, deadLetters, dueFor, noTickFor, watchedQueue } from './watched.ts';

interface Incident {
  readonly check_name: string;
  readonly subject: string;
  readonly open: boolean;
  readonly notified: boolean;
  readonly recovered: boolean;
}

describeOnOneDriver('the watch', (setup) => {
  let hook: Webhook;
  beforeEach(async () => {
    await calm(setup.database);
    hook = await webhook();
  });
  afterEach(() => hook.close());

  const watched = (options: Parameters<typeof watchedQueue>[1] = {}) =>
    watchedQueue(setup.database, { alerts: { webhookUrl: hook.url }, ...options });

  const incidents = () =>
    rows<Incident>(
      setup.database,
      `select check_name, subject, closed_at is null as open, notified_at is not null as notified,
              recovery_notified_at is not null as recovered
       from jobqueue.incidents order by id`,
    );

  /** A tick that looks. */
  const look = async (queue = watched().queue, budgetMs = 20_000) => {
    await aMinuteLater(setup.database);
    return queue.drain({ source: 'cron', budgetMs });
  };

  /** Whoever had a notice in hand has had his time. */
  const leaseOver = () =>
    rows(
      setup.database,
      "update jobqueue.incidents set notice_until = now() - interval '1 second' where notice_until is not null",
    );

  /** Dead letters that are none of the last hour any more. */
  const mend = () => rows(setup.database, emptied('jobqueue.job_history'));

  test('an alert and a recovery reach the webhook once each, with four drains at once at every look', async () => {
    const queues = Array.from({ length: 4 }, () =>
      watchedQueue(setup.connect(), { alerts: { webhookUrl: hook.url, name: 'shop <eu> & co' } }),
    );
    const lookAll = async () => {
      await aMinuteLater(setup.database);
      await Promise.all(queues.map(({ queue }) => queue.drain({ source: 'cron', budgetMs: 20_000 })));
    };
    await deadLetters(setup.database, 3, '1 minute');
    await lookAll();
    expect(await incidents()).toEqual([]);
    for (let looks = 0; looks < 3; looks++) await lookAll();
    expect(await incidents()).toEqual([
      { check_name: 'dead_letters', subject: 'work', open: true, notified: true, recovered: false },
    ]);
    expect(hook.posted).toEqual([
      {
        text: expect.stringMatching(
          /^\*shop &lt;eu&gt; &amp; co\*\n:red_circle: \*dead_letters\* work: 3 work dead letters in the last hour \(limit 3; the day before: 0 an hour\), 3 of them without an error\. Red since 20\d\d-\d\d-\d\d \d\d:\d\d UTC\. Next: read the error; pause work if more will follow; replay them when the cause is fixed\.$/,
        ),
      },
    ]);

    await mend();
    for (let looks = 0; looks < 4; looks++) await lookAll();
    expect(await incidents()).toMatchObject([{ open: false, notified: true, recovered: true }]);
    expect(hook.posted).toHaveLength(2);
    expect(hook.posted[1]?.text).toMatch(/:white_check_mark: \*dead_letters\* work is well again after/);

    const events = queues.flatMap(({ lines }) => lines.map(({ level, event }) => `${level} ${event}`));
    expect(events.sort()).toEqual(['info incident_closed', 'warn incident_opened']);
    const [incident] = await watched().queue.incidents();
    expect(incident).toMatchObject({
      check: 'dead_letters',
      subject: 'work',
      closedAt: expect.any(Date),
      recoveryNotifiedAt: expect.any(Date),
    });
  });

  test('an alert leads to the group of dead letters, a recovery too; the incident and health name the same page', async () => {
    const alerts = { webhookUrl: hook.url, consoleUrl: 'https://queue.example.com/' };
    const { queue } = watched({ alerts });
    const error = (message: string, code: string) => JSON.stringify([{ name: 'HttpError', code, message, at: 'x' }]);
    await deadLetters(setup.database, 3, '1 minute');
    await rows(
      setup.database,
      `update jobqueue.job_history h set errors = e.errors, fingerprint = jobqueue.fingerprint_1(e.errors)
       from (select id, case when id = min(id) over () then $2::jsonb else $1::jsonb end as errors from jobqueue.finished_jobs) e
       where e.id = h.id`,
      error('busy, order 17', '503'),
      error('gone', '404'),
    );
    await look(queue);
    await look(queue);
    const [group] = (await queue.deadGroups({ type: 'work' })).groups;
    expect(group?.total).toEqual({ n: 2, atLeast: false });
    const page = `/dead-letters?type=work&group=${group?.fingerprint}`;
    const url = `https://queue.example.com${page}`;
    expect(hook.posted[0]?.text).toContain(', 2 of them HttpError 503. Red since');
    expect(hook.posted[0]?.text).not.toContain('order 17'); // messages may hold what customers wrote
    expect(hook.posted[0]?.text.endsWith(` ${url.replace('&', '&amp;')}`)).toBe(true);
    const next = expect.stringMatching(/^read the error; pause work/);
    expect(await queue.incidents()).toMatchObject([{ page, url, next }]);
    expect((await queue.health()).checks.filter(({ ok }) => !ok)).toMatchObject([{ page, url, next }]);
    expect((await watched().queue.incidents())[0]).toMatchObject({ page, url: null });
    await mend();
    await look(queue);
    await look(queue);
    expect(hook.posted[1]?.text).toMatch(/is well again after .*\. https:\/\/queue/);
  });

  test('a muted check is kept as an incident and told to nobody; what is red when the mute ends is told then', async () => {
    const { queue } = watched();
    const mute = { check: 'dead_letters', subject: 'work' };
    const how = { forMs: 3_600_000, reason: 'INC-7', actor: 'ann' };
    expect(await queue.muteCheck(mute, how)).toMatchObject({
      ...mute,
      actor: 'ann',
      reason: 'INC-7',
      until: expect.any(Date),
    });
    await deadLetters(setup.database, 3, '1 minute');
    await look(queue);
    await look(queue);
    await mend();
    await look(queue);
    await look(queue); // opened and closed within the mute: nobody ever hears of it
    await deadLetters(setup.database, 3, '1 minute');
    await look(queue);
    await look(queue);
    expect(await incidents()).toMatchObject([
      { open: false, notified: false },
      { open: true, notified: false },
    ]);
    expect(hook.posted).toEqual([]);
    expect(await queue.mutes()).toMatchObject([mute]);
    await rows(setup.database, "update jobqueue.mutes set until = now() - interval '1 second'");
    await look(queue);
    expect(hook.posted.map(({ text }) => text)).toEqual([expect.stringContaining('*dead_letters* work')]);
    expect(await queue.mutes()).toEqual([]);
    expect(await queue.unmuteCheck(mute, { actor: 'ann' })).toBe(false);
    await queue.muteCheck({ check: 'dead_letters' }, how); // all types
    expect(await queue.unmuteCheck({ check: 'dead_letters' }, { actor: 'bob' })).toBe(true);
    expect(await queue.auditLog({ limit: 3 })).toMatchObject([
      { actor: 'bob', action: 'check.unmute', details: { check: 'dead_letters', subject: '*' } },
      { actor: 'ann', action: 'check.mute', details: { check: 'dead_letters', subject: '*', reason: 'INC-7' } },
      { actor: 'ann', action: 'check.mute', details: { ...mute, reason: 'INC-7' } },
    ]);
  });

  test('an incident is acknowledged once, by name; an alert that had not gone out stays away, the recovery comes', async () => {
    hook.answers.push(500, 500);
    const { queue } = watched();
    await deadLetters(setup.database, 3, '1 minute');
    await look(queue);
    await look(queue);
    const [incident] = await queue.incidents();
    const id = incident?.id ?? '';
    expect(await queue.acknowledgeIncident(id, { actor: 'ann' })).toBe(true);
    expect(await queue.acknowledgeIncident(id, { actor: 'bob' })).toBe(false);
    expect(await queue.incidents()).toMatchObject([{ acknowledgedBy: 'ann', acknowledgedAt: expect.any(Date) }]);
    hook.answers.length = 0;
    await leaseOver();
    await look(queue);
    expect(hook.taken).toEqual([]);
    await mend();
    await look(queue);
    await look(queue);
    expect(hook.taken.map(({ text }) => text)).toEqual([expect.stringContaining('is well again')]);
    expect(await queue.auditLog({ limit: 1 })).toMatchObject([
      {
        actor: 'ann',
        action: 'incident.acknowledge',
        details: { incident: id, check: 'dead_letters', subject: 'work' },
      },
    ]);
  });

  test('a mute names a check that there is, an end within 30 days, a reason and a person', async () => {
    const { queue } = watched();
    const how = { forMs: 60_000, reason: 'r', actor: 'ann' };
    for (const [target, options] of [
      [{ check: 'dead_leters' }, how],
      [{ check: 'ticks' }, { ...how, forMs: 31 * 24 * 3_600_000 }],
      [{ check: 'ticks' }, { ...how, reason: '' }],
      [{ check: 'ticks' }, { ...how, actor: '' }],
    ] as const)
      await expect(queue.muteCheck(target, options)).rejects.toMatchObject({ code: 'option_invalid' });
  });

  test('a check that flickers opens nothing: it takes two looks in a row', async () => {
    const { queue } = watched();
    for (let times = 0; times < 3; times++) {
      await deadLetters(setup.database, 3, '1 minute');
      await look(queue);
      await mend();
      await look(queue);
    }
    expect(await incidents()).toEqual([]);
  });

  test('an incident whose check flickers stays open, and nobody hears of it twice', async () => {
    const { queue } = watched();
    for (let times = 0; times < 4; times++) {
      await deadLetters(setup.database, 3, '1 minute');
      await look(queue);
      if (times === 0) await look(queue);
      await mend();
      await look(queue);
    }
    expect(await incidents()).toMatchObject([{ open: true, recovered: false }]);
    expect(hook.posted).toHaveLength(1);
  });

  test('drains look once a minute between them, however many there are', async () => {
    await deadLetters(setup.database, 3, '1 minute');
    await look();
    for (let drains = 0; drains < 5; drains++) await watched().queue.drain({ source: 'cron', budgetMs: 20_000 });
    expect(await incidents()).toEqual([]); // a second look would have opened one
    expect(await rows(setup.database, 'select reds from jobqueue.watch')).toEqual([
      { reds: { 'dead_letters work': 1 } },
    ]);
  });

  test('an empty tick is one statement: when it looks, while an incident is open, and while others try to tell of it', async () => {
    hook.answers.push(500);
    const { queue } = watched();
    expect(await look(queue)).toMatchObject({ steps: 1, stopReason: 'empty' });
    await deadLetters(setup.database, 3, '1 minute');
    expect(await look(queue)).toMatchObject({ steps: 1, stopReason: 'empty' });
    await look(queue); // opens, and fails to tell
    expect(await look(queue)).toMatchObject({ steps: 1, stopReason: 'empty' });
    await leaseOver();
    await look(queue); // tells
    expect(hook.taken).toHaveLength(1);
    expect(await look(queue)).toMatchObject({ steps: 1, stopReason: 'empty' });
  });

  test('a webhook that fails twice gets the alert once in the end, by a later tick', async () => {
    hook.answers.push(500, 429);
    const { queue, lines } = watched();
    await deadLetters(setup.database, 3, '1 minute');
    await look(queue);
    await look(queue);
    expect([hook.posted.length, hook.taken.length]).toEqual([1, 0]);
    await look(queue); // not before its time
    expect(hook.posted).toHaveLength(1);
    for (let times = 0; times < 3; times++) {
      await leaseOver();
      await look(queue);
    }
    expect([hook.posted.length, hook.taken.length]).toEqual([3, 1]);
    expect(await incidents()).toMatchObject([{ open: true, notified: true }]);
    const failures = lines.filter(({ event }) => event === 'alert_failed');
    expect(failures.map(({ fields }) => fields.reason)).toEqual(['it answered 500', 'it answered 429']);
  });

  test('an incident that is over before anybody could be told is told once, as over', async () => {
    hook.answers.push(500);
    const { queue } = watched();
    await deadLetters(setup.database, 3, '1 minute');
    await look(queue);
    await look(queue);
    await mend();
    await look(queue);
    await look(queue);
    await leaseOver();
    await look(queue);
    await look(queue);
    expect(hook.taken.map(({ text }) => text)).toEqual([expect.stringContaining('is well again')]);
    expect(await incidents()).toMatchObject([{ open: false, notified: true, recovered: true }]);
  });

  test('a webhook that hangs holds a drain no longer than its timeout, and never past the deadline', async () => {
    hook.answers.push(null, null);
    await deadLetters(setup.database, 3, '1 minute');
    await look();
    const { queue, lines } = watched({ alerts: { webhookUrl: hook.url, timeoutMs: 500 } });
    const report = await look(queue, 25_000);
    expect(report.stopReason).toBe('empty');
    expect(lines).toEqual([
      {
        level: 'error',
        event: 'alert_failed',
        fields: { reason: 'no answer within 500 ms', incidents: [expect.any(String)] },
      },
    ]);

    await leaseOver();
    const patient = watched();
    const budgetMs = 2_500; // shorter than the webhook's five seconds
    expect((await look(patient.queue, budgetMs)).stopReason).toBe('deadline');
    expect(hook.posted).toHaveLength(2);
    await expect.poll(() => patient.lines.length, { timeout: 10_000 }).toBe(1); // its wait ended with the drain, not after five seconds
    expect(patient.lines[0]?.fields.reason).toMatch(/^no answer within [12]?\d{3} ms$/);
    await leaseOver();
    await look();
    expect(hook.taken).toHaveLength(1);
  });

  test('nothing of the webhook shows in the log, whatever goes wrong with it', async () => {
    const port = new URL(hook.url).port;
    await hook.close(); // refused
    const { queue, lines } = watched();
    await deadLetters(setup.database, 3, '1 minute');
    await look(queue);
    await look(queue);
    expect(lines.map(({ fields }) => fields.reason)).toEqual(['it cannot be reached']);
    const said = JSON.stringify(lines, (_, value) =>
      value instanceof Error ? `${value.stack} ${value.cause}` : value,
    );
    for (const secret of [SECRET_PATH, port, '127.0.0.1']) expect(said).not.toContain(secret);
    for (const webhookUrl of ['no url at all', 'ftp://host/secret-of-the-webhook'])
      expect(() => watched({ alerts: { webhookUrl } })).toThrow(
        /^createQueue: alerts[.]webhookUrl: expected an http or https URL, got something else$/,
      );
    hook = await webhook();
  });

  test('a webhook that points elsewhere is not followed', async () => {
    const elsewhere = await webhook();
    hook.answers.push(307);
    const { queue, lines } = watched();
    await deadLetters(setup.database, 3, '1 minute');
    await look(queue);
    await look(queue);
    expect(elsewhere.posted).toEqual([]);
    expect(lines.map(({ event }) => event)).toEqual(['alert_failed']);
    await elsewhere.close();
  });

  test('a confirmation whose answer is lost is repeated, and counts', async () => {
    await deadLetters(setup.database, 3, '1 minute');
    await look();
    const lost = setup.faults.loseAnswer('update jobqueue.incidents');
    await look();
    await lost;
    await leaseOver();
    await look();
    expect(hook.taken).toHaveLength(1);
    expect(await incidents()).toMatchObject([{ notified: true }]);
  });

  test('a drain that ends between the post and its confirmation leaves the alert to another: twice is better than never', async () => {
    await deadLetters(setup.database, 3, '1 minute');
    await look();
    hook.onPost = () => setup.faults.refuseConnections(true);
    const { queue, lines } = watched();
    await look(queue, 2_000);
    hook.onPost = () => undefined;
    setup.faults.refuseConnections(false);
    expect(lines).toContainEqual({
      level: 'error',
      event: 'chore_failed',
      fields: expect.objectContaining({ chore: 'watch' }),
    });
    expect(await incidents()).toMatchObject([{ notified: false }]);
    await leaseOver();
    await look();
    expect(hook.taken).toHaveLength(2);
    expect(await incidents()).toMatchObject([{ notified: true }]);
  });

  test('an exchange whose answer is lost gets the same notices again, and tells of them once', async () => {
    await deadLetters(setup.database, 3, '1 minute');
    await look();
    await aMinuteLater(setup.database);
    const lost = setup.faults.loseAnswer('step_2');
    const report = await watched().queue.drain({ source: 'cron', budgetMs: 20_000 });
    await lost;
    expect(report.steps).toBeGreaterThan(1);
    expect(hook.taken).toHaveLength(1);
    expect(await incidents()).toMatchObject([{ notified: true }]);
  });

  test('without a webhook an incident is logged, once, and counts as told', async () => {
    const { queue, lines } = watched({ alerts: {} });
    await deadLetters(setup.database, 3, '1 minute');
    for (let looks = 0; looks < 4; looks++) await look(queue);
    expect(lines).toEqual([
      {
        level: 'warn',
        event: 'incident_opened',
        fields: {
          id: expect.any(String),
          check: 'dead_letters',
          subject: 'work',
          detail: expect.stringContaining('3 work dead letters'),
          since: expect.any(String),
          next: expect.any(String),
          url: null,
        },
      },
    ]);
    expect(await incidents()).toMatchObject([{ notified: true }]);
  });

  test('several incidents of one look are one message, and each is closed by itself', async () => {
    const { queue } = watched();
    await deadLetters(setup.database, 3, '1 minute', 'work');
    await deadLetters(setup.database, 3, '1 minute', 'calm');
    await dueFor(setup.database, 'nobody', '1 hour');
    await look(queue);
    await look(queue);
    expect(hook.taken).toHaveLength(1);
    expect(hook.taken[0]?.text.split('\n')).toHaveLength(4);
    await rows(setup.database, emptied('jobqueue.jobs'));
    await look(queue);
    await look(queue);
    expect(hook.taken).toHaveLength(2);
    expect(hook.taken[1]?.text).toContain('*unhandled* nobody is well again');
    expect((await incidents()).filter(({ open }) => open)).toHaveLength(2);
  });

  test('an incident of a type that only another deployment knows is not closed by one that cannot see it', async () => {
    await rows(
      setup.database,
      `insert into jobqueue.incidents (check_name, subject, notified_at) values ('oldest_due', 'of_another_app', now())`,
    );
    for (let looks = 0; looks < 3; looks++) await look();
    expect(await incidents()).toMatchObject([{ subject: 'of_another_app', open: true }]);
    await rows(setup.database, "update jobqueue.incidents set last_red_at = now() - interval '25 hours'");
    await look();
    await look();
    expect(await incidents()).toMatchObject([{ subject: 'of_another_app', open: false }]);
  });

  test('without ticks an enqueue notices, beside its request, and the alert comes', async () => {
    await noTickFor(setup.database, '4 minutes');
    const kept: Promise<unknown>[] = [];
    const { queue } = watched({ waitUntil: (promise) => kept.push(promise) });
    hook.answers.push(null); // should the enqueue wait for it, it would take five seconds
    await queue.addJob('work', {});
    expect(hook.taken).toEqual([]);
    await Promise.all(kept);
    expect(await incidents()).toEqual([
      { check_name: 'ticks', subject: '', open: true, notified: false, recovered: false },
    ]);
    await leaseOver();

    // One process asks once a minute; another asks too, and both together tell once.
    const others = Array.from({ length: 4 }, () => watched({ waitUntil: (promise) => kept.push(promise) }));
    await Promise.all(
      others.flatMap(({ queue }) => [queue.addJob('work', {}), queue.addJobs([{ type: 'work', payload: {} }])]),
    );
    await Promise.all(kept);
    expect(kept).toHaveLength(5);
    expect(hook.taken).toEqual([{ text: expect.stringMatching(/\*ticks\*: last successful tick was 4 min ago/) }]);

    // Ticks come again: the first finds the last one old, the second and the third find it young.
    for (let ticks = 0; ticks < 4; ticks++) await look();
    expect(hook.taken).toHaveLength(2);
    expect(hook.taken[1]?.text).toContain('*ticks* is well again');
    expect(await incidents()).toMatchObject([{ check_name: 'ticks', open: false, notified: true, recovered: true }]);
  });

  test('an enqueue while ticks come opens nothing; nor does one before the first tick of a young queue', async () => {
    const kept: Promise<unknown>[] = [];
    const enqueueElsewhere = async () => {
      await watched({ waitUntil: (promise) => kept.push(promise) }).queue.addJob('work', {});
      await Promise.all(kept);
    };
    await enqueueElsewhere();
    await rows(setup.database, emptied('jobqueue.drains'));
    await enqueueElsewhere();
    expect(await incidents()).toEqual([]);
    await rows(setup.database, "update jobqueue.watch set since = now() - interval '1 hour'");
    await enqueueElsewhere();
    expect(await incidents()).toMatchObject([{ check_name: 'ticks' }]);
  });

  test('an enqueue succeeds although its question about the ticks fails, and without a platform it asks nothing', async () => {
    const kept: Promise<unknown>[] = [];
    await rows(setup.database, 'alter function jobqueue.watch_1(jsonb) rename to watch_0');
    try {
      const { queue, lines } = watched({ waitUntil: (promise) => kept.push(promise) });
      expect(await queue.addJob('work', {})).not.toBeNull();
      await Promise.all(kept);
      expect(lines).toMatchObject([{ level: 'error', event: 'watch_failed' }]);
      const alone = watched();
      expect(await alone.queue.addJob('work', {})).not.toBeNull();
      expect(alone.lines).toEqual([]);
    } finally {
      await rows(setup.database, 'alter function jobqueue.watch_0(jsonb) rename to watch_1');
    }
  });

  test('a look that fails fails no tick: its jobs run, and the log says why', async () => {
    const { queue, lines } = watched();
    await rows(setup.database, 'alter function jobqueue.health_1(jsonb) rename to health_0');
    try {
      await queue.addJob('work', {});
      expect(await look(queue)).toMatchObject({ completed: 1, stopReason: 'empty' });
      expect(lines).toEqual([
        { level: 'error', event: 'watch_failed', fields: { message: expect.stringMatching(/^42883: .*health_1/) } },
      ]);
      expect(await queue.drain({ source: 'cron' })).toMatchObject({ steps: 1 }); // and not at once again
    } finally {
      await rows(setup.database, 'alter function jobqueue.health_0(jsonb) rename to health_1');
    }
  });

  test('every check red at once: the tick does its work', async () => {
    const { queue } = watched({ health: { deadlineTicks: 1, snapshotAge: 1, startWithin: 1 } });
    await noTickFor(setup.database, '1 hour');
    await rows(setup.database, "update jobqueue.drains set stop_reason = 'deadline'");
    await deadLetters(setup.database, 3, '1 minute');
    await dueFor(setup.database, 'nobody', '1 hour');
    for (let looks = 0; looks < 2; looks++) {
      await queue.addJobs([{ type: 'work', payload: {} }]);
      expect(await look(queue)).toMatchObject({ completed: 1, stopReason: 'empty' });
    }
    expect(hook.taken).toHaveLength(1);
  });
});
