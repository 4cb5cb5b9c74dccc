/**
 * Meta and the phones behind it, as far as a campaign meets them: counts what each phone got, and answers what a test says. Its
 * limits are counted here as they were met, so that a test can say how many were too many.
 */
import { randomUUID } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Limit } from '../../packages/jobqueue/src/index.ts';
import { excess } from '../../packages/jobqueue/tests/limited.ts';
import { type Answer, type Call, type StandIn, startStandIn } from '../standins/kit/stand-in.ts';

export interface Delivery {
  readonly phone: string;
  readonly opaqueId: string;
  readonly wamid: string;
  readonly template: string;
  readonly language: string;
  readonly texts: readonly string[];
  readonly atMs: number;
}

export interface Phones extends StandIn {
  /** Messages that reached a phone, in order. */
  readonly deliveries: Delivery[];
  /** The last 100 requests as they came. */
  readonly bodies: unknown[];
  /** The number of calls, refused ones included. */
  readonly counts: { calls: number };
  /** Instead of taking the message: an error code, or null. Default: takes all. */
  refuse: (phone: string, call: number) => number | null;
  /** The same, by the template's language. */
  refuseLanguage: (language: string) => number | null;
  /** Between the delivery and Meta's answer. */
  answered: (delivery: Delivery) => Promise<unknown>;
  /**
   * Messages above the limit in the worst of all windows. A call counts when it is read. If this process could not read for a
   * while, calls of several moments look like one, so the longest such gap is allowed for.
   */
  excess(limit: Limit): number;
  /** Between tests. */
  forget(): void;
}

export const TOKEN = 'a-token-of-the-tests';

interface Body {
  to: string;
  biz_opaque_callback_data: string;
  template: { name: string; language: { code: string }; components: { parameters: { text: string }[] }[] };
}

export async function startPhones(): Promise<Phones> {
  const deliveries: Delivery[] = [];
  const bodies: unknown[] = [];
  const counts = { calls: 0 };
  const deaf = monitorEventLoopDelay({ resolution: 10 });
  deaf.enable();
  const standIn = await startStandIn({ name: 'phones', handle, state: () => ({ deliveries: deliveries.length }) });

  async function handle({ headers, body, atMs }: Call): Promise<Answer> {
    if (headers.authorization !== `Bearer ${TOKEN}`) return errorOf(190);
    bodies.push(JSON.parse(body));
    if (bodies.length > 100) bodies.shift();
    const { to, biz_opaque_callback_data: opaqueId, template } = JSON.parse(body) as Body;
    const phone = `+${to}`;
    const code = phones.refuse(phone, ++counts.calls) ?? phones.refuseLanguage(template.language.code);
    if (code !== null) return errorOf(code);
    const wamid = `wamid.${randomUUID()}`;
    const texts = template.components.flatMap(({ parameters }) => parameters.map(({ text }) => text));
    const delivery = { phone, opaqueId, wamid, template: template.name, language: template.language.code, texts, atMs };
    deliveries.push(delivery);
    await phones.answered(delivery);
    return {
      status: 200,
      body: {
        messaging_product: 'whatsapp',
        contacts: [{ input: to, wa_id: to }],
        messages: [{ id: wamid, message_status: 'accepted' }],
      },
    };
  }

  const phones: Phones = Object.assign(standIn, {
    deliveries,
    bodies,
    counts,
    refuse: () => null,
    refuseLanguage: () => null,
    answered: async () => undefined,
    excess({ perSecond, burst }: Limit) {
      const deafMs = deaf.max / 1e6;
      return excess(
        deliveries.map(({ atMs }) => atMs),
        { perSecond, burst: burst + (perSecond * deafMs) / 1000 },
      );
    },
    forget() {
      deaf.reset();
      deliveries.length = 0;
      counts.calls = 0;
      phones.refuse = () => null;
      phones.refuseLanguage = () => null;
      phones.answered = async () => undefined;
      standIn.faults.clear();
    },
  });
  return phones;
}

function errorOf(code: number): Answer {
  const error = { message: `(#${code})`, type: 'OAuthException', code, fbtrace_id: 'trace' };
  return { status: code === 190 ? 401 : 400, body: { error } };
}
