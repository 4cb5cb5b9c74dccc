/** Time that a demo will not wait for: rows are moved, never the clock, and only on the demo's own database. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { COMPANY } from './company.ts';

/** A drain that is not among those that live, and still holds jobs after so long, has been killed. */
const ORPHAN_MS = 8_000;

export class Clock {
  readonly #database: Executor;
  /** Start of each hold, by batch. */
  #heldSinceMs: ReadonlyMap<string, number> = new Map();

  constructor(database: Executor) {
    this.#database = database;
  }

  /**
   * Drains of the ledger that hold jobs now, but for one with a suspect: a third death would convict it, and on a slow machine
   * that would be the fault of nothing but the kills.
   */
  async sourcesToKill(): Promise<readonly string[]> {
    const rows = await this.#rows<{ source: string }>(
      `select source from jobqueue.drains d
       where finished_at is null and cardinality(running) > 0
         and not exists (select from jobqueue.live_jobs j where j.id = any(d.running) and j.rescues >= 2)`,
    );
    return rows.map(({ source }) => source);
  }

  /** The leases that a killed drain leaves behind end now instead of in minutes. Answers how many jobs it was running. */
  async endLeasesOf(source: string): Promise<number> {
    const held = await this.#rows<{ batch: string }>(
      `select l.batch::text as batch
       from jobqueue.leases l
       join jobqueue.batches b on b.id = l.batch
       join jobqueue.drains d on d.id = b.drain
       where d.source = $1 and d.finished_at is null`,
      source,
    );
    return this.#endLeases(held.map(({ batch }) => batch));
  }

  /**
   * The same for what a drain claimed in the moment in which it was killed: held for a while, and by none of the drains that live, `alive` by
   * their sources.
   */
  async endOrphanedLeases(alive: readonly string[]): Promise<number> {
    const held = await this.#rows<{ batch: string }>(
      `select l.batch::text as batch
       from jobqueue.leases l
       join jobqueue.batches b on b.id = l.batch
       left join jobqueue.drains d on d.id = b.drain
       where l.lease_until > now() and (d.source = any(array(select jsonb_array_elements_text($1::jsonb)))) is not true`,
      JSON.stringify(alive),
    );
    const nowMs = performance.now();
    this.#heldSinceMs = new Map(held.map(({ batch }) => [batch, this.#heldSinceMs.get(batch) ?? nowMs]));
    return this.#endLeases(
      held.map(({ batch }) => batch).filter((batch) => nowMs - (this.#heldSinceMs.get(batch) ?? nowMs) > ORPHAN_MS),
    );
  }

  /** Answers how many jobs of these batches ran. */
  async #endLeases(batches: readonly string[]): Promise<number> {
    const [ended] = await this.#rows<{ ran: number }>(
      `with torn as (
         select j.id, j.started
         from jobqueue.leases l
         join jobqueue.batched_jobs j on j.batch = l.batch and get_bit(l.open, j.place - 1) = 1
         where l.batch::text = any(array(select jsonb_array_elements_text($1::jsonb)))
       ), links as (
         update crm_links set claimed_until = now() where claimed_by in (select id from torn)
       ), over as (
         update jobqueue.leases set lease_until = now() - interval '1 second'
         where batch::text = any(array(select jsonb_array_elements_text($1::jsonb)))
       )
       select count(*) filter (where started)::int as ran from torn`,
      JSON.stringify(batches),
    );
    return ended?.ran ?? 0;
  }

  /**
   * Leads whose request got no answer: the minute that the portal may take to make them is over, and so is the wait to ask again. And the
   * claims on events of which the run is dead.
   */
  async skipCrmWaits(): Promise<void> {
    await this.#rows(
      `with torn as (
         update crm_links set adding_since = adding_since - interval '2 minutes'
         where company_id = $1 and adding_since > now() - interval '75 seconds' and adding_since < now() - interval '3 seconds'
       ), inbox as ( -- a look takes a second or two; who claimed an item for 150 s and still has it after 15 is dead
         update crm_inbox set claimed_until = now()
         where company_id = $1 and claimed_until between now() and now() + interval '135 seconds'
       )
       update jobqueue.jobs set due_at = now()
       where type = 'crm_sync' and lease_until is null and due_at > now() + interval '3 seconds'`,
      COMPANY,
    );
  }

  /** Recipients whose call nobody answered, and claims that died, are as old as the campaign lets them be. Answers how many. */
  async skipGrace(): Promise<number> {
    const rows = await this.#rows(
      `with torn as (
         update recipients set claimed_at = claimed_at - interval '2 hours', status_at = status_at - interval '2 hours'
         where company_id = $1 and ((status = 'unknown' and status_at > now() - interval '1 hour')
                                    or (status = 'sending' and claimed_at < now() - interval '15 seconds'
                                        and claimed_at > now() - interval '1 hour'))
           and not exists (select from recipients r
                           where r.campaign_id = recipients.campaign_id and r.status in ('pending', 'deferred'))
         returning 1
       ), settling as (
         update campaigns set settling_at = settling_at - interval '1 hour'
         where company_id = $1 and status = 'settling' and settling_at > now() - interval '1 hour'
           and settling_at < now() - interval '5 seconds'
       ), due as (
         update jobqueue.jobs set due_at = now()
         where type = 'campaign_send' and lease_until is null and due_at > now() + interval '1 second'
       )
       select from torn`,
      COMPANY,
    );
    return rows.length;
  }

  #rows<Row extends object>(text: string, ...params: unknown[]): Promise<Row[]> {
    return this.#database.execute<Row>({ text, params });
  }
}
