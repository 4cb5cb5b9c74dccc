/** ALERT_WEBHOOK_URL: a wrong one is told when the app starts, without a word of what stood there. */
import { afterEach, expect, test, vi } from 'vitest';
import { alertWebhookUrl } from '../../lib/config.ts';

afterEach(() => vi.unstubAllEnvs());

test.each([
  [undefined, undefined],
  ['', undefined],
  ['https://hooks.slack.com/services/T0/B0/x', 'https://hooks.slack.com/services/T0/B0/x'],
  ['http://127.0.0.1:9/x', 'http://127.0.0.1:9/x'],
])('%s is taken as %s', (value, url) => {
  vi.stubEnv('ALERT_WEBHOOK_URL', value);
  expect(alertWebhookUrl()).toBe(url);
});

test.each(['hooks.slack.com/services/T0/B0/x', 'javascript:alert(1)', 'ftp://host/x', ' '])(
  '%s is refused',
  (value) => {
    vi.stubEnv('ALERT_WEBHOOK_URL', value);
    expect(alertWebhookUrl).toThrow(/^ALERT_WEBHOOK_URL: expected an http or https URL, got something else$/);
  },
);
