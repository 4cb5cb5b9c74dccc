/** Alerts that an app posts by itself, to a real webhook. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SECRET_PATH, type Webhook, webhook } from '../../../tests/support/webhook.ts';
import { alertText, postAlert, WebhookError } from '../src/index.ts';

let hook: Webhook;

beforeAll(async () => {
  hook = await webhook();
});

afterAll(() => hook.close());

test('values of an alert are one line without markup, and what the app wrote stays', async () => {
  const reason = `<!channel> *paid* & <https://evil.example|here>\n\nsecond ${'x'.repeat(1_000)}`;
  await postAlert(hook.url, alertText`:red_circle: *${'acme <eu>'}*\n${reason}, ${7} times`);
  const [{ text = '' } = {}] = hook.taken;
  const [head, line = '', ...rest] = text.split('\n');
  expect(head).toBe(':red_circle: *acme &lt;eu&gt;*');
  expect(line).toMatch(/^&lt;!channel&gt; [*]paid[*] &amp; &lt;https:.*[|]here&gt; second x+, 7 times$/);
  expect(line.length).toBeLessThan(500);
  expect(rest).toEqual([]);
});

test.each<[string, number | null, number, RegExp]>([
  ['refuses', 500, 5_000, /^it answered 500$/],
  ['points elsewhere', 307, 5_000, /^it cannot be reached$/],
  ['does not answer', null, 50, /^no answer within 50 ms$/],
])('a webhook that %s fails the alert without a word of where it went', async (_, answer, timeoutMs, message) => {
  hook.answers.push(answer);
  const failed = await postAlert(hook.url, 'hello', { timeoutMs }).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(WebhookError);
  expect(failed).toMatchObject({ message: expect.stringMatching(message) });
  expect(`${(failed as Error).stack} ${(failed as Error).cause}`).not.toContain(SECRET_PATH);
});

test.each<[string, string, object, string]>([
  ['no url', 'hello', {}, 'webhookUrl'],
  ['ftp://host/secret', 'hello', {}, 'webhookUrl'],
  ['https://host/secret', '', {}, 'text'],
  ['https://host/secret', 'x'.repeat(40_001), {}, 'text'],
  ['https://host/secret', 'hello', { timeoutMs: 5_001 }, 'timeoutMs'],
])('an alert to %s that cannot be is refused by the name of what is wrong', async (url, text, options, path) => {
  const refused = await postAlert(url, text, options).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'option_invalid', issues: [{ path }] });
  expect((refused as Error).message).not.toContain('secret');
});
