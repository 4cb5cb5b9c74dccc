/**
 * One simulated world: processes, the network between them and Postgres, and the scheduler that decides what happens next. Each decision is
 * a step; the model looks at the committed state after every commit.
 */
import { createHash } from 'node:crypto';
import type { Statement } from '../../src/postgres/database.ts';
import { SETUP, startActor } from './actors.ts';
import type { Choices } from './choices.ts';
import { type Inhabitant, VirtualClock } from './clock.ts';
import { Model } from './model.ts';
import { type Interactive, type Network, noAnswer, type Sent, SimulatedProcess } from './process.ts';
import type { Answer, Server, Transaction } from './server.ts';
import { Observer, type Seen, type Snapshot } from './snapshot.ts';
import { Violation } from './violation.ts';
import { type SimulatedQueue, simulatedQueue, TYPES } from './work.ts';

/** A change of a broken variant to statements on their way. */
export type Wire = (statement: Statement, name: string) => Statement;

/** A statement that has run and is not committed, or waits for a lock. */
interface Open {
  readonly sent: Sent;
  readonly transaction: Transaction;
  /** Its `now()`, and the state that it began with. */
  readonly atMs: number;
  readonly began: Snapshot;
}

/** The time at which every world begins. */
const BEGAN_MS = Date.UTC(2026, 0, 1);
/** A transaction stays open for less than the three seconds that an enqueue waits for a lock. */
const LONGEST_HOLD_MS = 2_000;
/** Left alone, a world comes to rest within so many drains, one a minute: leases end after a minute, backoff after seconds. */
const LAST_DRAINS = 40;
/** A drain that is not disturbed takes fewer steps; more mean that it never ends. */
const STEPS_OF_A_DRAIN = 50_000;

const real = { setImmediate };

export class World implements Network {
  readonly clock = new VirtualClock(BEGAN_MS);
  readonly model: Model;
  readonly choices: Choices;
  readonly processes: SimulatedProcess[] = [];
  /** Everything that happened, a line each. */
  readonly trace: string[] = [];
  /** Times that each kind of event happened. */
  readonly events = new Map<string, number>();
  steps = 0;
  readonly #server: Server;
  readonly #wire: Wire;
  readonly #sent: Sent[] = [];
  readonly #open: Open[] = [];
  readonly #undelivered: { readonly sent: Sent; readonly answer: Answer }[] = [];
  readonly #queues = new Map<SimulatedProcess, SimulatedQueue>();
  readonly #running = new Set<{ readonly process: SimulatedProcess; readonly what: string }>();
  /** Transactions of several statements, and whose they are. */
  readonly #interactive = new Map<Interactive, SimulatedProcess>();
  readonly #observer = new Observer();
  #places = 0;
  #failure: unknown = null;

  constructor(server: Server, choices: Choices, wire: Wire) {
    this.#server = server;
    this.choices = choices;
    this.#wire = wire;
    this.model = new Model(this.clock);
  }

  /** Lives through `steps` decisions, and then, if `toTheEnd`, without faults until everything has ended. Throws Violation. */
  async live(steps: number, toTheEnd: boolean): Promise<void> {
    const { text, params } = this.#observer.statement;
    const [first] = await this.#server.ask<Seen>(text, params);
    this.#look(first as Seen);
    for (let n = 0; n < SETUP; n++) await this.newProcess();
    while (this.steps < steps) {
      await this.#step();
      this.#check();
    }
    if (toTheEnd) await this.#comeToRest();
  }

  /** Leaves nothing open behind, whatever has happened. */
  async end(): Promise<void> {
    for (const process of this.processes) process.isAlive = false;
    for (const interactive of [...this.#interactive.keys()]) await this.#endInteractive(interactive, null);
    await this.#wakeWaiting();
    for (let open = this.#committable(); open; open = this.#committable()) {
      this.#open.splice(this.#open.indexOf(open), 1);
      await this.#server.rollBack(open.transaction);
      await this.#wakeWaiting();
    }
    for (const { transaction } of this.#open) {
      await this.#server.answered(transaction);
      await this.#server.rollBack(transaction);
    }
  }

  /** The same for the same run: what happened, when, and to what end. */
  get hash(): string {
    return createHash('sha256').update(this.trace.join('\n')).digest('hex').slice(0, 16);
  }

  nextPlace(): number {
    return this.#places++;
  }

  send(sent: Sent): void {
    this.#sent.push(sent);
  }

  async newProcess(): Promise<SimulatedProcess> {
    const skewMs = this.choices.of([0, 0, 0, 90_000, -90_000]);
    const name = `p${this.processes.length + 1}`;
    const process = new SimulatedProcess(name, this.clock, this, { skewMs, seed: this.processes.length + 1 });
    const queue = simulatedQueue(process, this.model);
    await process.boot(() => Promise.allSettled([queue.drain({ budgetMs: 1 }), queue.pauses()]));
    this.processes.push(process);
    this.#queues.set(process, queue);
    this.#note('starts', name, skewMs === 0 ? '' : `its clock is off by ${skewMs} ms`);
    return process;
  }

  /** Begins an activity of a process, which goes on by itself. */
  act(process: SimulatedProcess, what: string, work: (queue: SimulatedQueue) => Promise<unknown>): void {
    if (!process.isAlive) return; // killed since somebody meant it to do this
    this.#note('begins', process.name, what);
    const queue = this.#queues.get(process) as SimulatedQueue;
    const running = { process, what };
    void process
      .run(() => work(queue))
      .then(
        (answer) => {
          if (process.isAlive) this.#note('ended', process.name, `${what}: ${brief(answer)}`);
          return answer;
        },
        (error: unknown) => {
          if (!process.isAlive) return;
          this.#note('failed', process.name, `${what}: ${brief(error)}`);
          if (!process.wasHit && !this.model.mayFail(error)) this.#failure ??= error;
        },
      )
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  get awake(): readonly SimulatedProcess[] {
    return this.processes.filter((process) => process.isAwake());
  }

  #check(): void {
    if (this.model.violation !== null) throw this.model.violation;
    if (this.#failure !== null)
      throw new Violation(`something failed that nothing had disturbed: ${brief(this.#failure)}`);
  }

  async #step(): Promise<void> {
    const timer = this.clock.next(isAwake);
    const runnable = this.#runnable();
    const committable = this.#open.filter(({ transaction }) => transaction.answer !== null);
    const deliverable = this.#undelivered.filter(({ sent }) => sent.process.isAwake() || !sent.process.isAlive);
    const awake = this.awake;
    const heldTooLong = committable.length > 0 && !this.#server.hasRoom;
    const action = this.choices.weighed<() => Promise<void>>([
      [runnable.length > 0 && !heldTooLong ? 40 : 0, () => this.#execute(this.choices.of(runnable as [Sent]))],
      [committable.length > 0 ? 9 : 0, () => this.#end(this.choices.of(committable as [Open]))],
      [deliverable.length > 0 ? 6 : 0, () => this.#deliver(this.choices.below(deliverable.length), deliverable)],
      [timer ? 16 : 0, () => this.#passTime(timer?.atMs ?? 0)],
      [awake.length > 0 ? 5 : 0, () => startActor(this)],
      [awake.length > 1 ? 1 : 0, () => this.#kill(this.choices.of(awake as [SimulatedProcess, ...SimulatedProcess[]]))],
      [awake.length > 1 ? 1 : 0, () => this.#freeze(this.choices.of(awake as [SimulatedProcess]))],
      [
        this.processes.filter(({ isAlive }) => isAlive).length < SETUP ? 6 : 0,
        async () => void (await this.newProcess()),
      ],
      [
        runnable.length + committable.length + deliverable.length === 0 && !timer && awake.length === 0 ? 1 : 0,
        () => this.#thaw(),
      ],
    ]);
    this.steps++;
    await action();
  }

  /** Statements whose transaction is at hand, or for which a connection is free. */
  #runnable(): Sent[] {
    return this.#sent.filter(({ interactive }) => (interactive?.transaction ?? null) !== null || this.#server.hasRoom);
  }

  async #execute(sent: Sent): Promise<void> {
    const fate = this.choices.weighed<string>([
      [70, 'answered'],
      [20, sent.interactive ? 'answered' : 'held'],
      [5, sent.interactive ? 'answered' : 'answer lost'],
      [4, sent.interactive ? 'answered' : 'lost'],
      [3, sent.interactive ? 'answered' : 'late'],
      [3, sent.interactive ? 'answered' : 'slow answer'],
      [3, sent.interactive ? 'answered' : 'rolled back'],
    ]);
    if (fate !== 'answered' && fate !== 'held') sent.process.wasHit = true;
    if (fate === 'late') {
      // its sender hears nothing and may send it again, and then it arrives all the same
      this.#note('no answer yet', sent.process.name, sent.name);
      await this.#tell(sent, { error: noAnswer('the connection was cut') });
      return;
    }
    this.#sent.splice(this.#sent.indexOf(sent), 1);
    if (fate === 'lost') {
      this.#note('lost', sent.process.name, sent.name);
      await this.#tell(sent, { error: noAnswer('the connection was cut') });
      return;
    }
    if (sent.interactive) return this.#executeWithin(sent);
    const open = await this.#run(sent);
    if (!(await this.#isAnswered(open))) return;
    if (fate === 'held') return this.#note('holds', sent.process.name, sent.name);
    await this.#end(open, fate);
  }

  #begin({ skewMs }: SimulatedProcess): Transaction {
    return this.#server.begin({ atMs: this.clock.nowMs, clientAtMs: this.clock.nowMs + skewMs });
  }

  async #run(sent: Sent): Promise<Open> {
    const transaction = this.#begin(sent.process);
    const open = { sent, transaction, atMs: this.clock.nowMs, began: this.model.state };
    this.#open.push(open);
    await this.#server.run(transaction, this.#wire(sent.statement, sent.name));
    if (transaction.answer === null)
      this.model.waits(
        sent.name,
        sent.statement,
        this.#open.filter((other) => other !== open).map(({ sent: by }) => by),
      );
    return open;
  }

  /** A statement of a transaction that its process has begun. */
  async #executeWithin(sent: Sent): Promise<void> {
    const interactive = sent.interactive as NonNullable<Sent['interactive']>;
    const isEnd = sent.name === 'commit' || sent.name === 'rollback';
    if (isEnd) {
      const by = { sent: { ...sent, name: 'transaction' }, atMs: this.clock.nowMs, began: this.model.state };
      await this.#endInteractive(interactive, sent.name === 'commit' ? by : null);
      this.#note(sent.name === 'commit' ? 'committed' : 'rolled back', sent.process.name, 'its transaction');
      await this.#tell(sent, { rows: [] });
      return this.#wakeWaiting();
    }
    if (interactive.transaction !== null) this.#server.setClock(interactive.transaction, this.clock.nowMs);
    else {
      interactive.transaction = this.#begin(sent.process);
      this.#interactive.set(interactive, sent.process);
    }
    await this.#server.run(interactive.transaction, sent.statement);
    await this.#server.answered(interactive.transaction);
    this.#note('within', sent.process.name, sent.name);
    await this.#tell(sent, interactive.transaction.answer as Answer);
  }

  /** Commits, or not, and answers. */
  async #end(open: Open, fate = 'answered'): Promise<void> {
    const { sent, transaction } = open;
    const answer = transaction.answer as Answer;
    this.#open.splice(this.#open.indexOf(open), 1);
    const commits = 'rows' in answer && fate !== 'rolled back';
    const seen = commits ? await this.#server.commit<Seen>(transaction, this.#observer.statement) : null;
    if (!seen) await this.#server.rollBack(transaction);
    this.#note(
      commits ? fate : 'rows' in answer ? 'rolled back' : 'refused',
      sent.process.name,
      `${sent.name} ${brief(answer)}`,
    );
    if (seen) this.#look(seen, open, answer);
    else if ('error' in answer) this.model.refused(sent.name, answer.error);
    if (fate === 'slow answer') this.#undelivered.push({ sent, answer });
    else if (fate === 'answered') await this.#tell(sent, answer);
    else await this.#tell(sent, { error: noAnswer('the connection was cut') });
    await this.#wakeWaiting();
  }

  /** Lets go on what waited for a lock, now that somebody has ended. */
  async #wakeWaiting(): Promise<void> {
    for (const { transaction } of this.#open) if (transaction.answer === null) await this.#server.goOn(transaction);
  }

  async #deliver(at: number, from: readonly { readonly sent: Sent; readonly answer: Answer }[]): Promise<void> {
    const late = from[at] as { sent: Sent; answer: Answer };
    this.#undelivered.splice(this.#undelivered.indexOf(late), 1);
    this.#note('hears', late.sent.process.name, late.sent.name);
    await this.#tell(late.sent, late.answer);
  }

  /** Hands an answer to a process that can hear it; the rest waits until it can. */
  async #tell(sent: Sent, answer: Answer): Promise<void> {
    if (!sent.process.isAlive) return;
    if (!sent.process.isAwake()) {
      this.#undelivered.push({ sent, answer });
      return;
    }
    sent.deliver?.(answer);
    await this.#settle();
  }

  /** Lets the next timer fire. What holds a transaction open for too long ends first. */
  async #passTime(toMs: number): Promise<void> {
    if (toMs > this.clock.nowMs + LONGEST_HOLD_MS) await this.#endAll();
    const timer = this.clock.next(isAwake);
    if (!timer) return;
    this.clock.fire(timer);
    await this.#settle();
  }

  async #endAll(): Promise<void> {
    for (let open = this.#committable(); open; open = this.#committable()) await this.#end(open);
  }

  #committable(): Open | undefined {
    return this.#open.find(({ transaction }) => transaction.answer !== null);
  }

  async #kill(process: SimulatedProcess): Promise<void> {
    this.#note('killed', process.name, '');
    process.isAlive = false;
    process.wasHit = true;
    this.clock.forget(process);
    for (const [interactive, owner] of [...this.#interactive])
      if (owner === process) await this.#endInteractive(interactive, null);
    for (const sent of this.#sent.filter((one) => one.process === process))
      if (sent.interactive || this.choices.below(2) === 0) this.#sent.splice(this.#sent.indexOf(sent), 1);
    for (const running of this.#running) if (running.process === process) this.#running.delete(running);
    this.model.killed(process);
    await this.#wakeWaiting();
  }

  /** Commits by a statement; null: rolls back. */
  async #endInteractive(interactive: Interactive, by: Pick<Open, 'sent' | 'atMs' | 'began'> | null): Promise<void> {
    const { transaction } = interactive;
    interactive.transaction = null;
    this.#interactive.delete(interactive);
    for (const sent of this.#sent.filter((one) => one.interactive === interactive))
      this.#sent.splice(this.#sent.indexOf(sent), 1);
    if (!transaction) return;
    if (by) this.#look(await this.#server.commit<Seen>(transaction, this.#observer.statement), by);
    else await this.#server.rollBack(transaction);
  }

  async #freeze(process: SimulatedProcess): Promise<void> {
    const forMs = this.choices.of([1_000, 5_000, 30_000, 90_000]);
    process.frozenUntilMs = this.clock.nowMs + forMs;
    process.wasHit = true;
    this.#note('stops', process.name, `for ${forMs} ms`);
    // so that time passes without it
    this.clock.set(NOBODY(this.clock), () => undefined, forMs, false);
  }

  async #thaw(): Promise<void> {
    for (const process of this.processes) process.frozenUntilMs = 0;
  }

  /** Without faults: everything under way ends, and drains run until no job is left. */
  async #comeToRest(): Promise<void> {
    this.#note('calm', '', '');
    for (const process of this.processes) process.frozenUntilMs = 0;
    await this.#untilQuiet();
    await this.#inCalm('resume', (queue) => queue.resume({}, { actor: 'calm', reason: 'the end' }));
    for (const type of TYPES)
      await this.#inCalm('resume', (queue) => queue.resume({ type }, { actor: 'calm', reason: 'the end' }));
    for (let n = 0; n < LAST_DRAINS; n++) {
      await this.#inCalm('drain', (queue) => queue.drain({ source: 'cron' }));
      if (this.model.isAtRest) break;
      this.clock.nowMs += 60_000;
    }
    this.model.atRest();
  }

  async #inCalm(what: string, work: (queue: SimulatedQueue) => Promise<unknown>): Promise<void> {
    const process = this.awake.find(({ wasHit }) => !wasHit) ?? (await this.newProcess());
    this.act(process, what, work);
    await this.#settle();
    await this.#untilQuiet();
    this.#check();
  }

  /** Everything happens at once and in order, until nothing is under way. */
  async #untilQuiet(): Promise<void> {
    for (let n = 0; ; n++) {
      if (n > STEPS_OF_A_DRAIN) throw new Violation(`something does not come to an end in ${n} steps without faults`);
      const open = this.#committable();
      const [late] = this.#undelivered;
      const [sent] = this.#sent;
      if (open || late || sent) this.steps++;
      if (open) await this.#end(open);
      else if (late) await this.#deliver(0, [late]);
      else if (sent) await this.#executeCalmly(sent);
      else if (this.#open.length > 0) throw new Violation('statements wait for each other');
      else if (this.#running.size === 0) return;
      else {
        const timer = this.clock.next(isAwake);
        if (!timer)
          throw new Violation(`these wait for nothing: ${Array.from(this.#running, ({ what }) => what).join(', ')}`);
        await this.#passTime(timer.atMs);
      }
    }
  }

  async #executeCalmly(sent: Sent): Promise<void> {
    this.#sent.splice(this.#sent.indexOf(sent), 1);
    if (sent.interactive) return this.#executeWithin(sent);
    const open = await this.#run(sent);
    if (await this.#isAnswered(open)) await this.#end(open);
  }

  /** An enqueue that waits for a key gives up by itself, within milliseconds of real time. What else waits goes on when it can. */
  async #isAnswered({ sent, transaction }: Open): Promise<boolean> {
    if (transaction.answer !== null) return true;
    this.#note('waits', sent.process.name, sent.name);
    if (!/^(add_|repla)/.test(sent.name)) return false;
    await this.#server.answered(transaction);
    return true;
  }

  /** Shows the model a committed state and the statement that was committed; none: the first state. */
  #look(seen: Seen, by?: Pick<Open, 'sent' | 'atMs' | 'began'>, answer: Answer = { rows: [] }): void {
    const state = this.#observer.see(seen);
    const isAlone = by?.began === this.model.state && this.#open.length + this.#interactive.size === 0;
    this.model.look(state, by ? { ...by.sent, answer, atMs: by.atMs, isAlone } : null);
  }

  /** Until every promise of every process has gone as far as it can. */
  async #settle(): Promise<void> {
    for (let n = 0; n < 3; n++) await new Promise((resolve) => real.setImmediate(resolve));
  }

  #note(what: string, who: string, about: string): void {
    this.events.set(what, (this.events.get(what) ?? 0) + 1);
    this.trace.push(`${Math.round(this.clock.elapsedMs)} ${what} ${who} ${about}`);
  }
}

function isAwake(owner: Inhabitant): boolean {
  return !(owner instanceof SimulatedProcess) || owner.isAwake();
}

const NOBODY = (clock: VirtualClock): Inhabitant => ({ clock, skewMs: 0, random: () => 0, uuid: () => '' });

function brief(value: unknown): string {
  const text =
    value instanceof Error
      ? `${value.name} ${'code' in value ? value.code : ''} ${value.message}`
      : JSON.stringify(value);
  return String(text).slice(0, 600);
}
