/**
 * Queues that are broken on purpose, each in one place of its SQL or of what its drains send. The simulator must find every one of them:
 * that is how it is tested itself.
 */
import type { Statement } from '../../src/postgres/database.ts';
import type { Wire } from './world.ts';

/** A deliberately broken queue. */
export interface Variant {
  readonly name: string;
  /** A seed whose world shows it, or one of the next: found by searching from 1 on. */
  readonly seed: number;
  /** Changes to functions of the queue, by their names. */
  readonly sql?: Readonly<Record<string, (body: string) => string>>;
  /** Changes statements on their way, as a broken drain would send them. */
  readonly wire?: Wire;
}

export const VARIANTS: readonly Variant[] = [
  {
    name: 'completes jobs that are not open any more',
    seed: 3,
    sql: { settle_2: replaced('l.batch = v.batch and l.open = v.done', 'l.batch = v.batch') },
  },
  {
    name: 'settles jobs that are not open any more',
    seed: 3,
    sql: {
      settle_others_2: replaced('where v.open is not null and get_bit(v.open, p - 1) = 1', 'where v.open is not null'),
    },
  },
  {
    name: 'leaves completed jobs open',
    seed: 1,
    sql: { settle_2: replaced('close_places_1(v.batch, v_open & ~v_mine)', 'close_places_1(v.batch, v_open)') },
  },
  {
    name: 'forgets which jobs it settled when a batch ends',
    seed: 1,
    sql: { close_places_1: replaced('if open = open # open then', 'if true then') },
  },
  {
    name: 'enqueues follow-ups for outcomes that it has recorded before',
    seed: 1,
    sql: {
      settle_2: (body) =>
        replaced(
          '    if v_mine <> v_mine # v_mine then\n',
          "    if (drain ->> 'followed')::boolean then\n      perform jobqueue.follow_completed_1(v.batch, v.done, v.results);\n    end if;\n$&",
        )(replaced('perform jobqueue.follow_completed_1(v.batch, v_mine, v.results)', 'null')(body)),
    },
  },
  {
    name: 'forgets the follow-ups of dead letters',
    seed: 1,
    sql: { settle_2: replaced("if (drain ->> 'followed')::boolean and v_gone <> '{}' then", 'if false then') },
  },
  {
    name: 'claims without skip locked',
    seed: 3,
    sql: { step_2: replaced('for no key update skip locked', 'for no key update') },
  },
  {
    name: 'claims before it settles',
    seed: 1,
    sql: { step_2: settlingLast },
  },
  {
    name: 'claims without a new fence',
    seed: 1,
    sql: { step_2: replaced('array_agg(j.fence + 1)', 'array_agg(j.fence)') },
  },
  {
    name: 'counts the attempt at the claim',
    seed: 1,
    sql: { step_2: replaced('then array_agg(j.attempt)', 'then array_agg((j.attempt + 1)::smallint)') },
  },
  {
    name: 'does not count a failed attempt',
    seed: 1,
    sql: { settle_others_2: replaced(`when 'retry' then j.attempt + 1`, `when 'retry' then j.attempt`) },
  },
  {
    name: 'counts an attempt that never started',
    seed: 3,
    sql: { rescue_2: replaced('j.started and (j.rescues > 1', '(j.rescues > 1') },
  },
  {
    name: 'frees the key before the row is gone',
    seed: 1,
    sql: { step_2: afterClaim('delete from jobqueue.idempotency_keys k using claimed c where k.job_id = any(c.ids)') },
  },
  {
    name: 'wakes a parent before its child has ended',
    seed: 1,
    sql: { step_2: afterClaim('update jobqueue.flows f set done = true from claimed c where f.child_id = any(c.ids)') },
  },
  {
    name: 'forgets a parent when two children end at once',
    seed: 11,
    sql: {
      children_ended_1: replaced('perform from jobqueue.jobs j where', 'perform from jobqueue.jobs j where false and'),
    },
  },
  {
    name: 'rescues without marking what it takes',
    seed: 3,
    sql: { rescue_2: replaced('select batch, settled + 1, open from over', '$& where false') },
  },
  {
    name: 'rescues jobs that have completed, too',
    seed: 4,
    sql: { rescue_2: replaced('array_agg(l.open)', 'array_agg(l.open | ~l.open)') },
  },
  {
    name: 'convicts at the second rescue',
    seed: 5,
    sql: { rescue_2: replaced(/now_rescues (<|>=) 3/g, 'now_rescues $1 2') },
  },
  {
    name: `compares leases with the client's clock`,
    seed: 1,
    sql: {
      step_2: replaced('lease_until < now()', 'lease_until < simulation.client_now()'),
      rescue_2: replaced('lease_until < now()', 'lease_until < simulation.client_now()'),
    },
  },
  {
    name: 'starts a job again that its last drain could not stop',
    seed: 1,
    sql: {
      settle_others_2: replaced(`case when s.hold and s."delayMs" is null then w.lease_until end`, 'null::timestamptz'),
    },
  },
  {
    name: 'replays with the old fence',
    seed: 2,
    sql: { revive_1: replaced('created_at, fence + 1,', 'created_at, fence,') },
  },
  {
    name: 'credits returned tokens twice',
    seed: 1,
    sql: { return_tokens_1: replaced('+ greatest(r.tokens -', '+ 2 * r.tokens + greatest(r.tokens -') },
  },
  {
    name: 'does not note the tokens that it gives',
    seed: 1,
    sql: { take_tokens_1: replaced('r.burst - r.rate * r.hold) - v_taken', 'r.burst - r.rate * r.hold)') },
  },
  {
    name: 'claims the least urgent lane first',
    seed: 1,
    sql: { step_2: replaced('order by l.priority desc, head.due_at', 'order by l.priority, head.due_at') },
  },
  {
    name: 'claims what is due last first',
    seed: 1,
    sql: { step_2: replaced(/order by k\.due_at, k\.id(?=\s+limit v_limit)/g, 'order by k.due_at desc, k.id desc') },
  },
  {
    name: 'claims what is paused',
    seed: 13,
    sql: { step_2: replaced('and (v_paused or not exists', 'and (true or not exists') },
  },
  {
    name: 'fires a slot as often as it is told',
    seed: 3,
    sql: {
      fire_1: (body) =>
        replaced(
          'and f.revision = s.revision',
          '',
        )(
          replaced(
            't.slot > s.fired_until',
            'true',
          )(
            replaced(
              'and not exists (select from jobqueue.schedule_slots k where k.schedule = s.name and k.slot = t.slot)',
              '',
            )(body),
          ),
        ),
    },
  },
  {
    name: 'forgets outcomes when it sends an exchange again',
    seed: 1,
    wire: exchanged((drain, rest) => (drain.again ? [drain, '{}', '[]', '[]', ...rest.slice(3)] : [drain, ...rest])),
  },
  {
    name: 'leases for a second',
    seed: 2,
    wire: exchanged((drain, rest) => [drain, ...rest.slice(0, 4), withShortLeases(rest[4])]),
  },
];

/** Refuses a text that is not there: a variant must not become the queue itself unnoticed. */
function replaced(from: string | RegExp, to: string): (body: string) => string {
  return (body) => {
    const broken = body.replaceAll(from, to);
    if (broken === body) throw new Error(`expected the text that is to be broken, and it is not there: ${from}`);
    return broken;
  };
}

function settlingLast(body: string): string {
  const settling = / {2}if completed <> '\{\}' or .*?\n {2}end if;\n/s.exec(body)?.[0];
  if (settling === undefined) throw new Error('expected the part that settles');
  return replaced(
    "  if jsonb_array_length(drain -> 'passedOver') > 0 then",
    `${settling}\n  if jsonb_array_length(drain -> 'passedOver') > 0 then`,
  )(body.replace(settling, ''));
}

/** A statement about what a step has claimed, which it calls `claimed`. */
function afterClaim(statement: string): (body: string) => string {
  return replaced(
    'if v_discover and v_claimed > 0 then',
    `with claimed as (select b.ids from jobqueue.leases l join jobqueue.batches b on b.id = l.batch where l.claim = v_claim)
    ${statement};
    if v_discover and v_claimed > 0 then`,
  );
}

type Drain = { readonly again?: boolean };

function exchanged(change: (drain: Drain, rest: readonly unknown[]) => readonly unknown[]): Wire {
  return (statement: Statement, name: string) => {
    if (name !== 'step_2') return statement;
    const [drain, ...rest] = statement.params;
    const [changed, ...others] = change(JSON.parse(String(drain)) as Drain, rest);
    return { text: statement.text, params: [JSON.stringify(changed), ...others] };
  };
}

function withShortLeases(claim: unknown): unknown {
  if (typeof claim !== 'string') return claim;
  const asked = JSON.parse(claim) as { types: Record<string, number> };
  return JSON.stringify({ ...asked, types: Object.fromEntries(Object.keys(asked.types).map((type) => [type, 1_000])) });
}
