/**
 * Stands in for a Bitrix24 portal: leads with phones that multiply when they are written without their ids, the leaky bucket, the
 * time that methods may take, batches that hide errors in a 200, empty maps as lists. It counts leads per origin: one each.
 */
import { FIELDS, fieldsOf, STATUSES, statusesOf } from './bitrix24/directory.ts';
import { digits, php, phpQuery } from './bitrix24/php.ts';
import { Refused } from './bitrix24/refused.ts';
import type { Clock } from './kit/clock.ts';
import { type Answer, type Call, type StandIn, startStandIn } from './kit/stand-in.ts';
import { type VendorBucket, vendorBucket } from './whatsapp/bucket.ts';

export interface Bitrix24Options {
  readonly port?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** The last part of the webhook's path. */
  readonly secret: string;
  readonly perSecond?: number;
  readonly burst?: number;
  /** The id of the first lead and of what follows; default 1. */
  readonly firstId?: number;
  /** Seconds of work that each call of a method counts for. */
  readonly methodSeconds?: number;
  /** The target of its own events, with the token that proves them. */
  readonly outgoing?: { readonly url: string; readonly token: string } | null;
}

export interface Multifield {
  id: number;
  typeId: string;
  valueType: string;
  value: string;
}

export interface Item {
  id: number;
  fields: Record<string, unknown>;
  fm: Multifield[];
  updatedAtMs: number;
  updatedBy: 'webhook' | 'person';
  /** Until then nobody finds it: the portal is still at work on it. */
  visibleAtMs: number;
}

export interface Bitrix24StandIn extends StandIn {
  readonly webhookUrl: string;
  readonly items: ReadonlyMap<number, Item>;
  /** Requests that were refused because the bucket was full. */
  readonly refusedForRate: number;
  /** Leads counted by origin. */
  leadsPerOrigin(): ReadonlyMap<string, number>;
  /** A person's actions in the portal. Each sends an event unless told not to. */
  person: {
    add(fields: Record<string, unknown>, phones: readonly string[], options?: { silently?: boolean }): number;
    change(id: number, fields: Record<string, unknown>, options?: { silently?: boolean }): void;
    remove(id: number, options?: { silently?: boolean }): void;
  };
  /** The method is blocked for ten minutes from now. */
  block(method: string): void;
  /** The method refuses every item with this code; null: no longer. */
  refuse(method: string, code: string | null): void;
  /** Uses up so many seconds of the method's time. */
  spend(method: string, seconds: number): void;
  /** Makes leads that are added from now on visible only after this time. */
  slowAdds(ms: number): void;
  /** Makes a field mandatory for every lead, as an administrator can; null: none. */
  requires(field: string | null): void;
  /** Writes that contain this text are refused for good; null: none. */
  rejects(text: string | null): void;
  /** Requests that contain this text are answered with a page instead of being done, or after they were; null: none. */
  chokesOn(text: string | null, options?: { done?: boolean }): void;
  /** Changes a text when the portal stores it. */
  keepsTextsAs(kept: (text: string) => string): void;
  /** The portal's directory, changeable as by an administrator. */
  readonly directory: { fields: Set<string>; statuses: Record<string, readonly string[]> };
  /** Resolves once every event was sent. */
  flush(): Promise<void>;
}

const OPERATING_S = 480;
const BASKETS_MS = 600_000;

export async function startBitrix24(options: Bitrix24Options): Promise<Bitrix24StandIn> {
  const items = new Map<number, Item>();
  const work = new Map<string, { atMs: number; seconds: number }[]>();
  const blocked = new Map<string, number>();
  const refusing = new Map<string, string>();
  const path = `/rest/1/${options.secret}`;
  let refusedForRate = 0;
  let nextId = options.firstId ?? 1;
  let nextFm = 1;
  let sending: Promise<unknown> = Promise.resolve();
  let addsTakeMs = 0;
  let rejected: string | null = null;
  let required: string | null = null;
  let choking: { text: string; done: boolean } | null = null;
  let kept = (text: string) => text;
  const directory = { fields: new Set(FIELDS), statuses: { ...STATUSES } as Record<string, readonly string[]> };

  function handle(call: Call): Answer {
    if (choking === null || !decodeURIComponent(call.body).includes(choking.text)) return answer(call);
    if (choking.done) answer(call);
    return { status: 504, body: '<html><body>Gateway timeout</body></html>' };
  }

  function answer(call: Call): Answer {
    const method = call.path.startsWith(`${path}/`) ? call.path.slice(path.length + 1).replace(/\.json$/, '') : null;
    if (method === null) return refused(new Refused(401, 'NO_AUTH_FOUND', 'Wrong authorization data'));
    if (!bucket.take()) {
      refusedForRate++;
      return refused(new Refused(503, 'QUERY_LIMIT_EXCEEDED', 'Too many requests'));
    }
    try {
      const params = call.body === '' ? {} : (JSON.parse(call.body) as Record<string, unknown>);
      if (method === 'batch') return { status: 200, body: { result: batched(params), time: time('batch') } };
      const { result, next } = execute(method, params);
      return { status: 200, body: { result, ...(next !== undefined && { next }), time: time(method) } };
    } catch (error) {
      if (error instanceof Refused) return refused(error);
      throw error;
    }
  }

  function batched({ cmd = {} }: Record<string, unknown>): object {
    const commands = Object.entries(cmd as Record<string, string>);
    if (commands.length > 50) throw new Refused(400, 'ERROR_BATCH_LENGTH_EXCEEDED', 'Max batch length exceeded');
    const result: Record<string, unknown> = {};
    const errors: Record<string, unknown> = {};
    const times: Record<string, unknown> = {};
    for (const [key, text] of commands) {
      const [method = '', query = ''] = text.split('?');
      try {
        if (method === 'batch')
          throw new Refused(405, 'ERROR_BATCH_METHOD_NOT_ALLOWED', 'Method is not allowed for batch usage');
        result[key] = execute(method, phpQuery(query)).result;
        times[key] = time(method);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        errors[key] = { error: error.code, error_description: error.message };
        times[key] = time(method);
      }
    }
    return {
      result: php(result),
      result_error: php(errors),
      result_total: [],
      result_next: [],
      result_time: php(times),
    };
  }

  function execute(method: string, params: Record<string, unknown>): { result: unknown; next?: number } {
    const until = blocked.get(method) ?? 0;
    if (until > standIn.clock.now())
      throw new Refused(429, 'OPERATION_TIME_LIMIT', 'Method is blocked due to operation time limit', until);
    const seconds = spent(method) + (options.methodSeconds ?? 0);
    work.set(method, [...(work.get(method) ?? []), { atMs: standIn.clock.now(), seconds: options.methodSeconds ?? 0 }]);
    if (seconds >= OPERATING_S) blocked.set(method, resetAt(method)); // this call finishes, the next is blocked
    const code = refusing.get(method);
    if (code !== undefined) throw new Refused(400, code, `${method} refuses this item`);
    if (method === 'crm.status.list') return { result: statusesOf(directory.statuses, params) };
    if (method === 'crm.duplicate.findbycomm') return { result: findByComm(params) };
    const verb = /^crm\.item\.(add|get|update|delete|list|fields)$/.exec(method)?.[1];
    if (verb === undefined) throw new Refused(404, 'ERROR_METHOD_NOT_FOUND', 'Method not found!');
    if (String(params.entityTypeId) !== '1') throw new Refused(400, 'NOT_FOUND', 'Smart process not found');
    if (verb === 'fields') return { result: fieldsOf(directory.fields) };
    if (verb === 'list') return list(params);
    if (rejected !== null && params.fields && JSON.stringify(params.fields).includes(rejected))
      throw new Refused(400, 'CRM_FIELD_ERROR_VALUE_NOT_VALID', `Invalid value of ${rejected}`);
    const has = items.get(Number(params.id))?.fields;
    if (
      required !== null &&
      (verb === 'add' || verb === 'update') &&
      !{ ...has, ...(params.fields as object) }[required]
    )
      throw new Refused(400, 'CRM_FIELD_ERROR_REQUIRED', `The field "${required}" is required`);
    if (verb === 'add') return { result: { item: shown(write(newItem(), params.fields, 'webhook')) } };
    const item = items.get(Number(params.id));
    if (item === undefined || !isVisible(item)) throw new Refused(400, 'NOT_FOUND', 'Item not found');
    if (verb === 'delete') {
      items.delete(item.id);
      tell('ONCRMLEADDELETE', item.id);
      return { result: [] };
    }
    return { result: { item: shown(verb === 'update' ? write(item, params.fields, 'webhook') : item) } };
  }

  function newItem(): Item {
    const item: Item = { id: nextId++, fields: {}, fm: [], updatedAtMs: 0, updatedBy: 'webhook', visibleAtMs: 0 };
    item.visibleAtMs = standIn.clock.now() + addsTakeMs;
    items.set(item.id, item);
    return item;
  }

  function isVisible({ visibleAtMs }: Item): boolean {
    return visibleAtMs <= standIn.clock.now();
  }

  function write(item: Item, given: unknown, by: Item['updatedBy'], silently = false): Item {
    const fields = (given ?? {}) as Record<string, unknown>;
    const isNew = item.updatedAtMs === 0;
    for (const [name, value] of Object.entries(fields))
      if (directory.fields.has(name)) item.fields[name] = typeof value === 'string' ? kept(value) : value; // others are ignored
    for (const [key, value] of Object.entries((fields.fm ?? {}) as Record<string, Omit<Multifield, 'id'>>)) {
      const has = item.fm.find(({ id }) => String(id) === key);
      if (has === undefined)
        item.fm.push({ id: nextFm++, typeId: value.typeId, valueType: value.valueType, value: value.value });
      else if (value.value === '') item.fm = item.fm.filter((one) => one !== has);
      else has.value = value.value;
    }
    item.updatedAtMs = standIn.clock.now();
    item.updatedBy = by;
    if (!silently) tell(isNew ? 'ONCRMLEADADD' : 'ONCRMLEADUPDATE', item.id);
    return item;
  }

  function list({ filter = {}, start }: Record<string, unknown>): { result: unknown; next?: number } {
    const conditions = Object.entries(filter as Record<string, unknown>);
    const found = [...items.values()]
      .filter(isVisible)
      .filter((item) => conditions.every(([key, value]) => matches(item, key, value)))
      .sort((a, b) => a.id - b.id);
    const from = Math.max(0, Number(start ?? 0));
    const page = found.slice(from, from + 50);
    const next = found.length > from + 50 && Number(start) !== -1 ? from + 50 : undefined;
    return { result: { items: page.map(shown) }, ...(next !== undefined && { next }) };
  }

  function matches(item: Item, key: string, value: unknown): boolean {
    const [, operator = '', name = ''] = /^([><=!@%]*)(.*)$/.exec(key) ?? [];
    const has = name === 'id' ? item.id : name === 'updatedTime' ? item.updatedAtMs : item.fields[name];
    const wanted = name === 'updatedTime' ? Date.parse(String(value)) : name === 'id' ? Number(value) : value;
    switch (operator) {
      case '>':
        return (has as number) > (wanted as number);
      case '>=':
        return (has as number) >= (wanted as number);
      default:
        return String(has ?? '') === String(wanted);
    }
  }

  function findByComm({ type, values, entity_type: only }: Record<string, unknown>): unknown {
    const wanted = Object.values(values as Record<string, string>).map(digits);
    const found = [...items.values()]
      .filter(isVisible)
      .filter(({ fm }) => fm.some((one) => one.typeId === type && wanted.includes(digits(one.value))));
    if (found.length === 0 || (only !== undefined && only !== 'LEAD')) return [];
    return { LEAD: found.map(({ id }) => id).sort((a, b) => a - b) };
  }

  function shown({ id, fields, fm, updatedAtMs }: Item): object {
    return {
      id,
      entityTypeId: 1,
      ...fields,
      fm: fm.map((one) => ({ ...one })),
      updatedTime: new Date(updatedAtMs).toISOString(),
    };
  }

  function spent(method: string): number {
    const since = standIn.clock.now() - BASKETS_MS;
    const recent = (work.get(method) ?? []).filter(({ atMs }) => atMs > since);
    work.set(method, recent);
    return recent.reduce((sum, { seconds }) => sum + seconds, 0);
  }

  function resetAt(method: string): number {
    return (work.get(method)?.[0]?.atMs ?? standIn.clock.now()) + BASKETS_MS;
  }

  function time(method: string): object {
    const until = blocked.get(method);
    return {
      duration: 0.1,
      operating: spent(method),
      operating_reset_at: Math.ceil((until ?? resetAt(method)) / 1000),
    };
  }

  function refused({ status, code, message, resetAtMs }: Refused): Answer {
    const reset = resetAtMs === null ? {} : { time: { operating_reset_at: Math.ceil(resetAtMs / 1000) } };
    return { status, body: { error: code, error_description: message, ...reset } };
  }

  function tell(event: string, id: number): void {
    const { outgoing } = options;
    if (!outgoing) return;
    const body = new URLSearchParams({
      event,
      'data[FIELDS][ID]': String(id),
      ts: String(Math.floor(standIn.clock.now() / 1000)),
      'auth[domain]': 'portal.bitrix24.example',
      'auth[member_id]': 'member',
      'auth[application_token]': outgoing.token,
    });
    sending = sending.then(() => fetch(outgoing.url, { method: 'POST', body }).catch(() => undefined)); // never sent again
  }

  const standIn = await startStandIn({
    name: 'bitrix24',
    port: options.port,
    ...(options.clock && { clock: options.clock }),
    ...(options.random && { random: options.random }),
    handle,
    state: () => ({ items: [...items.values()], refusedForRate, leadsPerOrigin: Object.fromEntries(leadsPerOrigin()) }),
  });
  const bucket: VendorBucket = vendorBucket(standIn.clock.now, {
    perSecond: options.perSecond ?? 2,
    burst: options.burst ?? 50,
  });

  function leadsPerOrigin(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { fields } of items.values())
      if (typeof fields.originId === 'string') counts.set(fields.originId, (counts.get(fields.originId) ?? 0) + 1);
    return counts;
  }

  return {
    ...standIn,
    webhookUrl: `${standIn.origin}${path}`,
    items,
    get refusedForRate() {
      return refusedForRate;
    },
    leadsPerOrigin,
    person: {
      add(fields, phones, { silently = false } = {}) {
        const fm = Object.fromEntries(
          phones.map((value, n) => [`n${n}`, { typeId: 'PHONE', valueType: 'MOBILE', value }]),
        );
        return write(newItem(), { ...fields, fm }, 'person', silently).id;
      },
      change(id, fields, { silently = false } = {}) {
        write(items.get(id) as Item, fields, 'person', silently);
      },
      remove(id, { silently = false } = {}) {
        items.delete(id);
        if (!silently) tell('ONCRMLEADDELETE', id);
      },
    },
    block(method) {
      blocked.set(method, standIn.clock.now() + BASKETS_MS);
    },
    refuse(method, code) {
      if (code === null) refusing.delete(method);
      else refusing.set(method, code);
    },
    spend(method, seconds) {
      work.set(method, [...(work.get(method) ?? []), { atMs: standIn.clock.now(), seconds }]);
    },
    slowAdds(ms) {
      addsTakeMs = ms;
    },
    requires(field) {
      required = field;
    },
    rejects(text) {
      rejected = text;
    },
    chokesOn(text, { done = false } = {}) {
      choking = text === null ? null : { text, done };
    },
    keepsTextsAs(as) {
      kept = as;
    },
    directory,
    async flush() {
      await sending;
    },
  };
}
