/**
 * Stands in for WhatsApp's Cloud API: a number that sends, people who receive, read, answer and refuse, Meta's limits counted on
 * its own side, and webhooks. What it counts per person is the truth of every «never twice».
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from './kit/clock.ts';
import { type Answer, type Call, type StandIn, startStandIn } from './kit/stand-in.ts';
import { type VendorBucket, vendorBucket } from './whatsapp/bucket.ts';
import { refusal, SendBody } from './whatsapp/graph.ts';
import { People } from './whatsapp/people.ts';
import { type StandInTemplate, templateList, templateRefusal } from './whatsapp/templates.ts';
import { type WebhookFaults, Webhooks } from './whatsapp/webhooks.ts';

export type { StandInTemplate, WebhookFaults };

export interface WhatsAppOptions {
  readonly port?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly accessToken: string;
  readonly phoneNumberId: string;
  /** Other numbers of the account; they share its limits here. */
  readonly isNumber?: (id: string) => boolean;
  readonly accountId?: string;
  readonly appSecret?: string;
  /** The target of events; null: none. */
  readonly webhookUrl?: string | null;
  readonly templates?: readonly StandInTemplate[];
  /** Meta's default is 80. */
  readonly perSecond?: number;
  readonly pair?: { readonly perSecond: number; readonly burst: number };
  readonly webhookFaults?: WebhookFaults;
  /** A person's answer to a delivered message; null: none. */
  readonly answerOf?: (to: string, text: string) => string | null;
}

export interface StandInMessage {
  readonly wamid: string;
  /** The id of the number that sent it. */
  readonly from: string;
  readonly to: string;
  readonly type: 'text' | 'template';
  readonly text: string;
  readonly opaqueId: string | null;
  readonly atMs: number;
  status: 'accepted' | 'sent' | 'delivered' | 'read' | 'failed';
  code: number | null;
}

export interface WhatsAppStandIn extends StandIn {
  /** Everything that Meta accepted, answered or not. */
  readonly messages: readonly StandInMessage[];
  /** Calls refused because a limit of Meta's was exceeded: 130429 and 131056. */
  readonly refusedForRate: number;
  /** Messages that each person received, by number without plus. */
  deliveries(type?: 'text' | 'template'): ReadonlyMap<string, number>;
  /** The most messages that were accepted within any second. */
  mostPerSecond(): number;
  /**
   * The person writes, to the number of this id; default: the account's first. An object is a message as Meta shows it, such as a
   * tapped button. Answers its id.
   */
  say(from: string, what: string | object, number?: string): string;
  /** Gives the person an id, and with a username hides the number. Answers the id. */
  identify(digits: string, options?: { username?: string; userId?: string; isHidden?: boolean }): string;
  /** The person has another number and another id from now on, which Meta tells in a system message. */
  changeNumber(from: string, to: string, number?: string): void;
  /** The person stops or resumes marketing in WhatsApp itself. */
  prefer(from: string, value: 'stop' | 'resume'): void;
  setTemplate(name: string, language: string, status: StandInTemplate['status']): void;
  /** Meta puts the template into another category; `inADay`: it announces that it will. */
  recategorise(name: string, language: string, category: StandInTemplate['category'], inADay?: boolean): void;
  addTemplate(template: StandInTemplate): void;
  /** Somebody deletes the template at Meta, which tells nobody. */
  removeTemplate(name: string, language: string): void;
  /** Meta tells of the account or of a number: the webhook's field and its value. */
  announce(field: string, value: object): void;
  /** Messages to this person fail with this code after they were accepted; null: no longer. */
  fail(to: string, code: number | null): void;
  /** Resolves once every event was sent. */
  flush(): Promise<void>;
}

const WINDOW_MS = 24 * 3_600_000;
const TITLES: Readonly<Record<number, string>> = {
  131026: 'Message undeliverable',
  131047: 'Re-engagement message',
  131049: 'This message was not delivered to maintain healthy ecosystem engagement',
  131050: 'User has stopped receiving marketing messages',
};

export async function startWhatsApp(options: WhatsAppOptions): Promise<WhatsAppStandIn> {
  const {
    accessToken,
    phoneNumberId,
    accountId = '100000000000001',
    appSecret = 'stand-in-app-secret',
    random = Math.random,
  } = options;
  const templates = (options.templates ?? []).map((template) => ({ ...template }));
  const messages: StandInMessage[] = [];
  const windows = new Map<string, number>();
  const optedOut = new Set<string>();
  const failures = new Map<string, number>();
  const pairs = new Map<string, VendorBucket>();
  const people = new People();
  let refusedForRate = 0;
  const run = randomBytes(4).toString('hex'); // ids of another run must not come again: who they are told to remembers them
  const webhookFaults = { ...options.webhookFaults };
  const webhooks = new Webhooks({
    url: options.webhookUrl ?? null,
    appSecret,
    accountId,
    faults: webhookFaults,
    random,
  });
  const limits = { perSecond: options.perSecond ?? 80, pair: options.pair ?? { perSecond: 1 / 6, burst: 45 } };

  function handle(call: Call): Answer {
    const path = /^\/v\d+\.\d+\/(\d+)(\/messages|\/message_templates)?$/.exec(call.path);
    if (path === null) return refusal(400, 2500, 'Unknown path components', 'unknown path');
    if (call.headers.authorization !== `Bearer ${accessToken}`)
      return refusal(401, 190, 'Error validating access token', 'the access token is invalid');
    if (path[2] === '/message_templates') return list(call, path[1] ?? '');
    if (path[1] !== phoneNumberId && !options.isNumber?.(path[1] ?? ''))
      return refusal(400, 33, 'Parameter value is not valid', 'no such number');
    if (call.method === 'GET' && path[2] === undefined)
      return {
        status: 200,
        body: { id: phoneNumberId, display_phone_number: '+1 555 000 0001', quality_rating: 'GREEN' },
      };
    return send(call, path[1] ?? phoneNumberId);
  }

  function list(call: Call, id: string): Answer {
    if (id !== accountId) return refusal(400, 100, 'Unsupported get request', `Object with ID '${id}' does not exist`);
    listings = [...listings.filter((atMs) => atMs > call.atMs - 3_600_000), call.atMs];
    return templateList(call, { templates, origin: standIn.origin, made: listings.length });
  }

  function send({ body: text, atMs }: Call, from: string): Answer {
    const parsed = SendBody.safeParse(jsonOf(text));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      return refusal(400, 100, 'Invalid parameter', `${issue?.path.map(String).join('.')}: ${issue?.message}`);
    }
    const body = parsed.data;
    const named = body.to ?? body.recipient;
    if (named === undefined) return refusal(400, 131008, 'Required parameter is missing', 'to or recipient is missing');
    const isNumber = body.to !== undefined; // where both stand there, the number counts
    const to = isNumber ? named.replace(/^\+/, '') : people.digitsOf(named);
    if (to === null || !/^[1-9]\d{4,14}$/.test(to))
      return refusal(400, 131009, 'Parameter value is not valid', 'to is no phone number, or recipient no user id');
    if (!isNumber && body.type === 'template' && categoryOf(body.template.name) === 'AUTHENTICATION')
      return refusal(
        400,
        131062,
        'Business-scoped User ID (BSUID) recipients are not supported',
        'this message needs a phone number',
      );
    const wrong = templateRefusal(body, templates);
    if (wrong !== null) return wrong;
    if (!number.take()) {
      refusedForRate++;
      return refusal(
        400,
        130429,
        'Rate limit hit',
        'too many messages sent from this phone number in a short period of time',
      );
    }
    const pair = pairs.get(to) ?? vendorBucket(standIn.clock.now, limits.pair);
    pairs.set(to, pair);
    if (!pair.take()) {
      refusedForRate++;
      return refusal(
        400,
        131056,
        '(Business Account, Consumer Account) pair rate limit hit',
        'too many messages to one person',
      );
    }
    const message: StandInMessage = {
      wamid: `wamid.${Buffer.from(`${run}:${to}:${messages.length + 1}`).toString('base64')}`,
      from,
      to,
      type: body.type,
      text: body.type === 'text' ? body.text.body : bodyText(body),
      opaqueId: body.biz_opaque_callback_data ?? null,
      atMs,
      status: 'accepted',
      code: null,
    };
    messages.push(message);
    deliver(message, body);
    return {
      status: 200,
      body: {
        messaging_product: 'whatsapp',
        contacts: [isNumber ? { input: named, wa_id: to } : { input: named, user_id: named }],
        messages: [{ id: message.wamid, message_status: 'accepted' }],
      },
    };
  }

  function deliver(message: StandInMessage, body: SendBody): void {
    const { to } = message;
    const category = body.type === 'template' ? categoryOf(body.template.name) : 'SERVICE';
    const isOpen = (windows.get(to) ?? Number.NEGATIVE_INFINITY) > standIn.clock.now() - WINDOW_MS;
    const code =
      failures.get(to) ??
      (category === 'MARKETING' && optedOut.has(to) ? 131050 : body.type === 'text' && !isOpen ? 131047 : null);
    if (code !== null) {
      fail(message, code);
      return;
    }
    for (const status of ['sent', 'delivered', 'read'] as const) tell(message, status, category);
    const answer = options.answerOf?.(to, message.text) ?? null;
    if (answer !== null) say(to, answer, message.from);
  }

  function fail(message: StandInMessage, code: number): void {
    message.code = code;
    tell(message, 'failed', null, [
      { code, title: TITLES[code] ?? 'failed', error_data: { details: TITLES[code] ?? 'failed' } },
    ]);
  }

  function tell(
    message: StandInMessage,
    status: StandInMessage['status'],
    category: string | null,
    errors?: object[],
  ): void {
    message.status = status;
    webhooks.emit({
      number: message.from,
      field: 'messages',
      list: 'statuses',
      value: {
        id: message.wamid,
        status,
        timestamp: seconds(),
        ...people.named(message.to, 'recipient_id', 'recipient_user_id'),
        ...(message.opaqueId !== null && { biz_opaque_callback_data: message.opaqueId }),
        ...(category !== null && {
          pricing: {
            billable: category !== 'SERVICE',
            pricing_model: 'PMP',
            type: category === 'SERVICE' ? 'free_customer_service' : 'regular',
            category: category.toLowerCase(),
          },
        }),
        ...(errors && { errors }),
      },
    });
  }

  function say(from: string, what: string | object, number = phoneNumberId): string {
    windows.set(from, standIn.clock.now());
    const id = inboundId(from);
    const content = typeof what === 'string' ? { type: 'text', text: { body: what } } : what;
    const value = { ...people.named(from), id, timestamp: seconds(), ...content };
    webhooks.emit({ number, field: 'messages', list: 'messages', value, contact: people.contact(from) });
    return id;
  }

  /** System messages have no contacts beside them, and open no window. */
  function changeNumber(from: string, to: string, number = phoneNumberId): void {
    const previous = people.userIdOf(from);
    const system = {
      type: 'user_changed_number',
      body: `User changed from ${from} to ${to}`,
      wa_id: to,
      ...(previous !== null && { user_id: people.identify(to), previous_user_id: previous }),
    };
    const value = { from, id: inboundId(from), timestamp: seconds(), type: 'system', system };
    webhooks.emit({ number, field: 'messages', list: 'messages', value });
  }

  const inboundId = (from: string) => `wamid.in.${run}.${from}.${++inbound}`;
  const announce = (field: string, value: object) => webhooks.emit({ number: phoneNumberId, field, list: null, value });
  const seconds = () => String(Math.floor(standIn.clock.now() / 1000));
  const categoryOf = (name: string) => templates.find((one) => one.name === name)?.category ?? 'MARKETING';
  let inbound = 0;
  let listings: number[] = [];

  const standIn = await startStandIn({
    name: 'whatsapp',
    port: options.port,
    ...(options.clock && { clock: options.clock }),
    random,
    handle,
    state: () => ({
      messages,
      deliveries: Object.fromEntries(deliveries()),
      refusedForRate,
      mostPerSecond: mostPerSecond(),
      optedOut: [...optedOut],
      webhooksWaiting: webhooks.waiting,
    }),
    controls: {
      say: (body) => {
        const { from, text, number } = body as { from: string; text: string | object; number?: string };
        say(from, text, number);
      },
      webhookFaults: (body) => void Object.assign(webhookFaults, body as WebhookFaults),
    },
  });
  const number = vendorBucket(standIn.clock.now, { perSecond: limits.perSecond, burst: limits.perSecond });

  function deliveries(type?: 'text' | 'template'): Map<string, number> {
    const counts = new Map<string, number>();
    for (const message of messages)
      if (type === undefined || message.type === type) counts.set(message.to, (counts.get(message.to) ?? 0) + 1);
    return counts;
  }

  function mostPerSecond(): number {
    let most = 0;
    let first = 0;
    for (let last = 0; last < messages.length; last++) {
      while ((messages[last]?.atMs ?? 0) - (messages[first]?.atMs ?? 0) >= 1_000) first++;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }

  return {
    ...standIn,
    messages,
    get refusedForRate() {
      return refusedForRate;
    },
    deliveries,
    mostPerSecond,
    say,
    identify: (digits, given) => people.identify(digits, given),
    changeNumber,
    prefer(from, value) {
      if (value === 'stop') optedOut.add(from);
      else optedOut.delete(from);
      webhooks.emit({
        number: phoneNumberId,
        field: 'user_preferences',
        list: 'user_preferences',
        contact: people.contact(from),
        value: {
          ...people.named(from, 'wa_id', 'user_id'),
          detail: `User requested to ${value} marketing messages`,
          category: 'marketing_messages',
          value,
          timestamp: Number(seconds()),
        },
      });
    },
    setTemplate(name, language, status) {
      const template = templates.find((one) => one.name === name && one.language === language);
      if (template) template.status = status;
      announce('message_template_status_update', {
        event: status,
        message_template_id: 1,
        message_template_name: name,
        message_template_language: language,
        reason: 'NONE',
        message_template_category: template?.category ?? 'MARKETING',
      });
    },
    recategorise(name, language, category, inADay = false) {
      const template = templates.find((one) => one.name === name && one.language === language);
      const previous = template?.category ?? category;
      if (template && !inADay) template.category = category;
      announce('template_category_update', {
        message_template_id: 1,
        message_template_name: name,
        message_template_language: language,
        ...(inADay
          ? {
              correct_category: category,
              new_category: previous,
              category_update_timestamp: Number(seconds()) + 86_400,
            }
          : { previous_category: previous, new_category: category }),
      });
    },
    addTemplate: (template) => void templates.push({ ...template }),
    removeTemplate(name, language) {
      const place = templates.findIndex((one) => one.name === name && one.language === language);
      if (place >= 0) templates.splice(place, 1);
    },
    announce,
    fail(to, code) {
      if (code === null) failures.delete(to);
      else failures.set(to, code);
    },
    flush: () => webhooks.flush(),
    async close() {
      await webhooks.close();
      await standIn.close();
    },
  };
}

function bodyText(body: SendBody): string {
  if (body.type !== 'template') return body.text.body;
  const texts = body.template.components.flatMap(({ parameters }) => parameters.map(({ text }) => text ?? ''));
  return [body.template.name, ...texts].join(' ');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
