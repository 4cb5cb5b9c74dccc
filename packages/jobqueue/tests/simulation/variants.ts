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
    name: 'settles without the fence',
    seed: 8,
    sql: { settle_1: replaced('j.id = s.id and j.fence = s.fence', 'j.id = s.id') },
  },
  {
    name: 'claims without skip locked',
    seed: 3,
    sql: { step_1: replaced('for no key update skip locked', 'for no key update') },
  },
  {
    name: 'claims before it settles',
    seed: 1,
    sql: { step_1: settlingLast },
  },
  {
    name: 'counts the attempt at the claim',
    seed: 1,
    sql: { step_1: replaced('set fence = j.fence +', 'set attempt = j.attempt + 1, fence = j.fence +') },
  },
  {
    name: 'does not count a failed attempt',
    seed: 1,
    sql: { settle_1: replaced(`when 'retry' then j.attempt + 1`, `when 'retry' then j.attempt`) },
  },
  {
    name: 'counts an attempt that never started',
    seed: 1,
    sql: { rescue_1: replaced('(j.started_fence = j.fence and (', '((') },
  },
  {
    name: 'frees the key before the row is gone',
    seed: 1,
    sql: {
      step_1: replaced(
        '-- The number of other drains',
        `delete from jobqueue.idempotency_keys k using jobqueue.jobs j where j.claim = v_claim and k.job_id = j.id;
        -- The number of other drains`,
      ),
    },
  },
  {
    name: 'wakes a parent before its child has ended',
    seed: 1,
    sql: {
      step_1: replaced(
        '-- The number of other drains',
        `update jobqueue.flows f set done = true from jobqueue.jobs j where j.claim = v_claim and f.child_id = j.id;
        -- The number of other drains`,
      ),
    },
  },
  {
    name: 'forgets a parent when two children end at once',
    seed: 6,
    sql: {
      children_ended_1: replaced('perform from jobqueue.jobs j where', 'perform from jobqueue.jobs j where false and'),
    },
  },
  {
    name: 'rescues without a new fence',
    seed: 1,
    sql: { rescue_1: replaced('set rescues =', 'set fence = j.fence - 1, rescues =') },
  },
  {
    name: 'convicts at the second rescue',
    seed: 10,
    sql: { rescue_1: replaced('j.rescues >= 3 as convicted', 'j.rescues >= 2 as convicted') },
  },
  {
    name: `compares leases with the client's clock`,
    seed: 1,
    sql: { step_1: replaced('lease_until < now()', 'lease_until < simulation.client_now()') },
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
    sql: { step_1: replaced('order by l.priority desc, head.due_at', 'order by l.priority, head.due_at') },
  },
  {
    name: 'claims what is due last first',
    seed: 2,
    sql: { step_1: replaced(/order by k\.due_at, k\.id(?=\s+limit v_limit)/g, 'order by k.due_at desc, k.id desc') },
  },
  {
    name: 'claims what is paused',
    seed: 11,
    sql: { step_1: replaced('and (v_paused or not exists', 'and (true or not exists') },
  },
  {
    name: 'fires a slot as often as it is told',
    seed: 4,
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
    seed: 4,
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
  const settling = / {2}if v_sent > 0 then\n.*?\n {2}end if;\n/s.exec(body)?.[0];
  if (settling === undefined) throw new Error('expected the part that settles');
  return replaced(
    '  -- The heads of the lanes',
    `${settling}\n  -- The heads of the lanes`,
  )(body.replace(settling, ''));
}

type Drain = { readonly again?: boolean };

function exchanged(change: (drain: Drain, rest: readonly unknown[]) => readonly unknown[]): Wire {
  return (statement: Statement, name: string) => {
    if (name !== 'step_1') return statement;
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
