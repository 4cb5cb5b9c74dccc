/** Meta's webhooks: signed, batched, sent again until they are acknowledged, and as unreliable as they are told to be. */
import { setTimeout as wait } from 'node:timers/promises';
import { signatureOf } from '../../../lib/providers/whatsapp.ts';

export interface WebhookFaults {
  /** The share of statuses that is never sent, 0 to 1. Messages of people are always sent, because Meta repeats them for days. */
  lost?: number;
  /** The share that is sent twice. */
  doubled?: number;
  /** Events that wait go out in any order. */
  reordered?: boolean;
  /** The least delay of each, ms. */
  delayMs?: number;
}

/** One entry of a change's list. */
interface Event {
  /** The id of the business's number that it concerns. */
  readonly number: string;
  readonly field: string;
  readonly list: 'messages' | 'statuses' | 'user_preferences' | null;
  readonly value: unknown;
  /** The change's data about the person. */
  readonly contact?: object;
}

export interface WebhooksOptions {
  readonly url: string | null;
  readonly appSecret: string;
  readonly accountId: string;
  readonly faults: WebhookFaults;
  readonly random: () => number;
}

/** Meta batches up to 1,000; what matters is that there are several. */
const BATCH = 50;
/** The most repetitions: as many of Meta's seven days as a test or a demo can wait for. */
const ATTEMPTS = 40;
const AGAIN_MS = 250;

export class Webhooks {
  readonly #options: WebhooksOptions;
  #waiting: Event[] = [];
  #pump: Promise<void> | null = null;
  #closed = false;
  /** Acknowledged events. */
  acknowledged = 0;

  constructor(options: WebhooksOptions) {
    this.#options = options;
  }

  emit(event: Event): void {
    const { faults, random, url } = this.#options;
    if (url === null || (event.list === 'statuses' && random() < (faults.lost ?? 0))) return;
    this.#waiting.push(event);
    if (random() < (faults.doubled ?? 0)) this.#waiting.push(event);
    this.#pump ??= this.#run().finally(() => {
      this.#pump = null;
    });
  }

  /** Events still to be sent. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves once nothing waits. */
  async flush(): Promise<void> {
    while (this.#pump !== null) await this.#pump;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#waiting = [];
    return this.flush();
  }

  async #run(): Promise<void> {
    const { faults, random } = this.#options;
    while (this.#waiting.length > 0 && !this.#closed) {
      await wait(faults.delayMs ?? 0);
      if (faults.reordered) this.#waiting.sort(() => random() - 0.5);
      const [first] = this.#waiting;
      const batch = this.#waiting
        .filter(({ list, field, number }) => list === first?.list && field === first.field && number === first.number)
        .slice(0, BATCH);
      this.#waiting = this.#waiting.filter((event) => !batch.includes(event));
      await this.#send(batch);
    }
  }

  async #send(batch: readonly Event[]): Promise<void> {
    const { url, appSecret } = this.#options;
    const body = Buffer.from(JSON.stringify(this.#bodyOf(batch)));
    for (let attempt = 1; attempt <= ATTEMPTS && !this.#closed && url !== null; attempt++) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-hub-signature-256': signatureOf(body, appSecret) },
        body,
      }).catch(() => null);
      await response?.arrayBuffer().catch(() => undefined);
      if (response?.status === 200) {
        this.acknowledged += batch.length;
        return;
      }
      await wait(AGAIN_MS);
    }
  }

  #bodyOf(batch: readonly Event[]): object {
    const { accountId } = this.#options;
    const field = batch[0]?.field ?? 'messages';
    const lists: Record<string, unknown[]> = {};
    for (const { list, value } of batch) if (list !== null) lists[list] = [...(lists[list] ?? []), value];
    const contacts = batch.flatMap(({ contact }) => (contact === undefined ? [] : [contact])).toReversed(); // in no order that is promised
    const value =
      batch[0]?.list === null
        ? batch[0].value
        : {
            messaging_product: 'whatsapp',
            metadata: { display_phone_number: '15550000001', phone_number_id: batch[0]?.number },
            ...(contacts.length > 0 && { contacts }),
            ...lists,
          };
    return { object: 'whatsapp_business_account', entry: [{ id: accountId, changes: [{ field, value }] }] };
  }
}
