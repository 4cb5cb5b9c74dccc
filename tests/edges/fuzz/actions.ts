/// <reference types="vite/types/importMeta.d.ts" />
/** The server actions of the app and of the console: forms made from their own schemas, sent by a browser or by React's script. */

import './environment.ts';

import { z } from 'zod';
import { queueConsole } from '../../../app/console.tsx';
import { queue } from '../../../lib/queue/index.ts';
import { ACTIONS } from '../../../packages/console/src/actions.ts';
import { setupOf } from '../../../packages/console/src/setup.tsx';
import { HttpError } from '../../../packages/jobqueue/src/next/index.ts';
import fc, { type Arbitrary } from '../../support/property.ts';
import { type Entry, type Fields, formData, isShut, KEPT, type Outcome } from './entry.ts';
import { SECRETS } from './environment.ts';
import { inRequest } from './next-scope.ts';
import { csv, hostileText, hostileValue, inputOf } from './values.ts';
import { atTheProxy, headersOf, ORIGIN, SECOND_WALL, thrown, VIEWER, WRONG_SESSIONS } from './visitor.ts';

type Act = (form: FormData) => Promise<unknown>;

type Module = Readonly<Record<string, Act & { readonly input: z.ZodType }>>;
const LOADERS = import.meta.glob<Module>('../../../app/**/*.ts');
const SOURCES = import.meta.glob<string>('../../../app/**/*.ts', { query: '?raw', import: 'default', eager: true });

/** Files with 'use server' on top: whoever knows the id of one of their exports can call it. */
const MODULES = await Promise.all(
  Object.entries(SOURCES)
    .filter(([, source]) => /^'use server';$/m.test(source))
    .map(async ([file]) => [file.replace('../../../', ''), (await LOADERS[file]?.()) ?? {}] as const),
);

/** Values that are sure to match a row, or a guard; each is put into every second form. */
const SURE: Readonly<Record<string, string>> = {
  company: 'co1',
  companyId: 'co1',
  importId: 'import-1',
  template: 'hello/en',
  timeZone: 'Asia/Dubai',
  country: 'AE',
  reason: 'fuzz',
  provider: 'whatsapp',
  type: 'crm_sync',
  perMinute: '60',
  percent: '50',
  of: '10',
  hours: '1',
  budget: '1',
  secret: SECRETS.OPERATOR_SECRET,
};

const sentFile = fc.record({ fileName: hostileText, bytes: csv });
const formValue = fc.oneof({ weight: 20, arbitrary: hostileText }, { weight: 1, arbitrary: sentFile });
const text = (value: unknown): string => (typeof value === 'string' ? value : String(JSON.stringify(value)));

/** The part of a schema that says what a form holds: before it may be a step that only tidies. */
function plain(schema: z.ZodType): z.ZodType {
  if (!(schema instanceof z.ZodPipe)) return schema;
  const { in: before, out } = schema.def as unknown as { in: z.ZodType; out: z.ZodType };
  return before instanceof z.ZodTransform ? plain(out) : plain(before);
}

function formOf(given: z.ZodType): Arbitrary<Fields> {
  const schema = plain(given);
  if (schema instanceof z.ZodUnion) return fc.oneof(...schema.def.options.map((option) => formOf(option as z.ZodType)));
  if (!(schema instanceof z.ZodObject)) return fc.dictionary(hostileText, formValue, { noNullPrototype: true });
  const fields = Object.entries(schema.shape).map(([name, field]) => {
    const made = inputOf(plain(field as z.ZodType)).map(text);
    const drawn: Arbitrary<Fields[string]> =
      name === 'file'
        ? sentFile
        : fc.oneof(
            { weight: 8, arbitrary: made },
            { weight: 1, arbitrary: hostileValue.map(text) },
            { weight: 1, arbitrary: formValue },
          );
    const sure = SURE[name];
    return [name, sure === undefined ? drawn : fc.oneof(drawn, fc.constant(sure))] as const;
  });
  const known = fc.record(Object.fromEntries(fields), { requiredKeys: [] });
  const whole = fc.record(Object.fromEntries(fields));
  const more = fc.dictionary(
    fc.oneof(hostileText, fc.constantFrom('column-1', 'text-1', 'ids', 'status', 'back', 'kept')),
    formValue,
    {
      maxKeys: 3,
      noNullPrototype: true,
    },
  );
  return fc.oneof(
    { weight: 6, arbitrary: whole },
    { weight: 1, arbitrary: known },
    { weight: 2, arbitrary: fc.tuple(more, whole).map(([odd, form]) => ({ ...odd, ...form })) },
  ) as Arbitrary<Fields>;
}

const FOREIGN = ['another site', 'no origin', 'an opaque origin'];
const BY_SCRIPT = 'by a script';

function originOf(key: string): Record<string, string> {
  switch (key.replace(SECOND_WALL, '')) {
    case 'another site':
      return { origin: 'https://other.example' };
    case 'no origin':
      return {};
    case 'an opaque origin':
      return { origin: 'null' };
    default:
      return { origin: ORIGIN };
  }
}

/** Refused by the proxy, or by the action itself: the way back says why, and nothing was done. */
const isTurnedAway = (outcome: Outcome, key: string): boolean =>
  isShut(outcome) ||
  (key === VIEWER && isMalformed(outcome)) ||
  (outcome.status === 303 && /[?&]refused=(unauthorized|read_only|origin_refused)|\/login$/.test(outcome.text)) ||
  /^[^\n]*\b(unauthorized|read_only|origin_refused)\b/.test(outcome.text);

/** Viewers may sign out, so the proxy lets their forms pass, and looks at how they are written. Only the action knows that it is for operators. */
const isMalformed = ({ status, text }: Outcome): boolean =>
  status === 400 && text.startsWith('{"error":{"code":"form_invalid",');

interface Doing {
  readonly name: string;
  readonly place: string;
  readonly form: Arbitrary<Fields>;
  readonly act: Act;
  /** The login, and what needs none: only the form's origin is asked for. */
  readonly isOpen?: boolean;
  readonly slow?: number;
}

function entryOf({ name, place, form, act, isOpen = false, slow = 2 }: Doing): Entry {
  const foreign = [...FOREIGN, ...FOREIGN.map((key) => key + SECOND_WALL)];
  return {
    name: `the action ${name}`,
    place,
    asked: fc.tuple(form, fc.constantFrom('', BY_SCRIPT)).map(([form, how]) => ({ form, headers: { how } })),
    wrongKeys: isOpen ? foreign : [...foreign, VIEWER, VIEWER + SECOND_WALL, ...WRONG_SESSIONS],
    isClosed: isTurnedAway,
    notes: [KEPT],
    slow,
    async send({ form: fields = {}, headers: { how } = {} }, key) {
      const isScript = how === BY_SCRIPT;
      const sent = formData(fields, (name) => (isScript ? `_1_${name}` : name));
      if (isScript) sent.set('0', '["$K1"]');
      else sent.set(`$ACTION_ID_${'0'.repeat(42)}`, '');
      const body = new Response(sent);
      const headers = {
        ...headersOf(key),
        ...originOf(key),
        'content-type': body.headers.get('content-type') ?? '',
        ...(isScript && { 'next-action': '0'.repeat(42) }),
      };
      const bytes = await body.arrayBuffer();
      const url = `${ORIGIN}${isOpen ? '/login' : '/'}`;
      const stopped = key.endsWith(SECOND_WALL)
        ? null
        : await atTheProxy(url, { method: 'POST', headers, body: bytes });
      if (stopped !== null) return stopped;
      const arrived = formData(fields);
      try {
        await inRequest(new Request(url, { method: 'POST', headers }), 'action', () => act(arrived));
      } catch (error) {
        // The console's login throws its refusal of a foreign form: nobody but a script meets it there.
        if (error instanceof HttpError && error.status < 500)
          return { status: error.status, text: error.code, isRefused: true };
        return thrown(error);
      }
      return { status: 200, text: '', isRefused: false };
    },
  };
}

const ofTheApp = MODULES.flatMap(([file, exported]) =>
  Object.entries(exported).map(([name, act]) =>
    entryOf({ name, place: `${file} ${name}`, form: formOf(act.input), act }),
  ),
);

const setup = setupOf({ queue });
const OPEN = ['sign-in', 'sign-out', 'set-theme'];

const ofTheConsole = Object.entries(ACTIONS).map(([name, { input }]) => {
  const schema = typeof input === 'function' ? input(setup) : input;
  const drawn = formOf(schema);
  return entryOf({
    name,
    place: `action ${name}`,
    // What is paused would be run, and would call others.
    form: name === 'drain-now' ? drawn.map((form) => ({ ...form, paused: '0', budget: '1' })) : drawn,
    act: (form) => {
      form.set('_do', name);
      return queueConsole.act(form);
    },
    isOpen: OPEN.includes(name),
    ...(name === 'sign-in' && { slow: 40 }), // wrong secrets are answered late after the first sixty
  });
});

export const ALL_ACTIONS: readonly Entry[] = [...ofTheApp, ...ofTheConsole];
