/** The form that an answer is asked in, and the value that is read from what came. Nothing that a model wrote is taken unchecked. Pure. */
import { Output } from 'ai';
import type { z } from 'zod';

/** Forms of structured output, strictest first; every server knows the last. The prompt describes the object in each of them. */
export const FORMS = ['json_schema', 'json_object', 'text'] as const;
export type Form = (typeof FORMS)[number];

/** The form to try where `form` is not known; null if there is none. */
export function lessStrict(form: Form): Form | null {
  return FORMS[FORMS.indexOf(form) + 1] ?? null;
}

/** The text as it came, asked for in this form: the SDK's own outputs refuse an answer that has a mark or a sentence around its JSON. */
export function writtenIn(form: Form, schema: z.ZodType): ReturnType<typeof Output.text> {
  return { ...Output.text(), responseFormat: sdkOutput(form, schema).responseFormat };
}

function sdkOutput(form: Form, schema: z.ZodType): Pick<ReturnType<typeof Output.text>, 'responseFormat'> {
  switch (form) {
    case 'json_schema':
      return Output.object({ schema });
    case 'json_object':
      return Output.json();
    case 'text':
      return Output.text();
  }
}

/** Throws an Error that says what is wrong with the text. */
export function valueIn<T>(text: string, schema: z.ZodType<T>): T {
  const read = schema.safeParse(jsonIn(text));
  if (read.success) return read.data;
  const issues = read.error.issues.map(({ path, message }) => `${path.join('.') || 'the answer'}: ${message}`);
  throw new Error(issues.slice(0, MOST_ISSUES).join('; '));
}

const MOST_ISSUES = 3;
/** Thoughts of models whose server does not take them out. */
const THOUGHTS = /^\s*<think(?:ing)?>[\s\S]*?<\/think(?:ing)?>/;

/** One object, whatever is around it: marks of a code block, or a sentence before it. */
function jsonIn(text: string): unknown {
  const said = text.replace(THOUGHTS, '');
  const [start, end] = [said.indexOf('{'), said.lastIndexOf('}')];
  if (start < 0 || end < start) throw new Error('the answer holds no JSON object');
  return JSON.parse(said.slice(start, end + 1));
}
