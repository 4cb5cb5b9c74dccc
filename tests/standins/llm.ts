/** The place of OpenAI, of Gemini and of any OpenAI-compatible server, taken by one that says what a test scripts, or something sensible. */
import type { Clock } from './kit/clock.ts';
import { standInClock } from './kit/clock.ts';
import { type Call, type StandIn, startStandIn } from './kit/stand-in.ts';
import type { AnswerForm, DialectName } from './llm/dialects.ts';
import { gemini } from './llm/gemini.ts';
import { openAi } from './llm/openai.ts';
import { type Asked, Scripted, type ScriptedInput, sensibleReply } from './llm/script.ts';

export const LLM_KEYS = { openai: 'sk-standin-0123456789abcdef', google: 'AIzaStandIn0123456789' } as const;
const MODELS = {
  openai: ['gpt-4o-mini', 'gpt-4.1-mini', 'llama-3.1-8b'],
  google: ['gemini-2.5-flash', 'gemini-2.5-flash-lite'],
};
/** OpenAI's lowest paid tier: 500 requests a minute. */
const PER_MINUTE = 500;
const OPENAI = { dialect: 'openai', forms: ['json_schema', 'json_object', 'text'] } as const;
/** Requests are counted in a window of a minute. */
const WINDOW_MS = 60_000;

export interface Llm extends StandIn {
  /** Said next, in this order; then sensible replies again. */
  script(...answers: ScriptedInput[]): void;
  /** Texts that the moderation endpoint flags, each with its categories. */
  flag(pattern: RegExp, ...categories: string[]): void;
  /** Requests to models that got an answer or a refusal from behind the limit: what would be billed. */
  readonly asked: readonly Asked[];
  /** Chooses the server that it imitates, and the forms of answer that it knows; by default OpenAI's with all of them. */
  serve(as: { dialect: DialectName; forms?: readonly AnswerForm[] }): void;
  /** Sets the limit; default 500. */
  limit(perMinute: number): void;
  reset(): void;
}

/** Both vendors on one port: `/v1` is OpenAI's, `/v1beta` Gemini's. */
export async function startLlm({ port, clock = standInClock() }: { port?: number; clock?: Clock } = {}): Promise<Llm> {
  let scripted: Scripted[] = [];
  let flagged: { pattern: RegExp; categories: readonly string[] }[] = [];
  let perMinute = PER_MINUTE;
  let served: { dialect: DialectName; forms: readonly AnswerForm[] } = OPENAI;
  let admittedAtMs: number[] = [];
  const asked: Asked[] = [];

  const admit = () => {
    const now = clock.now();
    admittedAtMs = admittedAtMs.filter((atMs) => atMs > now - WINDOW_MS);
    const oldest = admittedAtMs[0];
    if (oldest !== undefined && admittedAtMs.length >= perMinute) return (oldest + WINDOW_MS - now) / 1000;
    admittedAtMs.push(now);
    return null;
  };
  const next = (question: Asked): Scripted => {
    asked.push(question);
    return scripted.shift() ?? { kind: 'say', content: sensibleReply(question) };
  };
  const flags = (text: string) =>
    flagged.filter(({ pattern }) => pattern.test(text)).flatMap(({ categories }) => categories);
  const rules = { next, admit, flags };

  const script = (...answers: ScriptedInput[]) => {
    scripted.push(...answers.map((answer) => Scripted.parse(answer)));
  };
  const handle = (call: Call) =>
    call.path.startsWith('/v1beta/')
      ? gemini({ ...rules, apiKey: LLM_KEYS.google, models: MODELS.google }, call)
      : openAi({ ...rules, ...served, apiKey: LLM_KEYS.openai, models: MODELS.openai }, call);
  const standIn = await startStandIn({
    name: 'llm',
    port,
    clock,
    handle,
    state: () => ({ asked: asked.length, scripted: scripted.length }),
    controls: { script: (answers) => script(...(answers as ScriptedInput[])) },
  });
  return Object.assign(standIn, {
    script,
    asked,
    flag(pattern: RegExp, ...categories: string[]) {
      flagged.push({ pattern, categories });
    },
    serve({ dialect, forms = OPENAI.forms }: { dialect: DialectName; forms?: readonly AnswerForm[] }) {
      served = { dialect, forms };
    },
    limit(n: number) {
      perMinute = n;
    },
    reset() {
      scripted = [];
      flagged = [];
      perMinute = PER_MINUTE;
      served = OPENAI;
      admittedAtMs = [];
      asked.length = 0;
      standIn.faults.clear();
    },
  });
}
