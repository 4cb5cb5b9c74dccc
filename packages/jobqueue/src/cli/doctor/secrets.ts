/** Checks that secrets are set, strong and different. Names them only, never a character of one. */
import type { EndpointSecret } from '../../config.ts';
import { acceptedSecrets } from '../../next/auth.ts';
import { type Finding, ok, red, warn } from './finding.ts';

const OPENS = {
  CRON_SECRET: 'the platform sends it with each tick',
  OPERATOR_SECRET: 'the pages, /api/operator and /api/drain',
  QUEUE_API_KEY: 'services that enqueue over HTTP',
} as const satisfies Record<'CRON_SECRET' | EndpointSecret, string>;

type Needed = keyof typeof OPENS;

export function secretFindings(names: readonly Needed[]): Finding[] {
  const findings = names.map((name) => {
    if (acceptedSecrets(name).length > 0) return ok(name, 'is set');
    return red(
      name,
      `is ${process.env[name] ? 'not 16 to 512 visible ASCII characters' : 'not set'} here (${OPENS[name]})`,
      `make one with node -p "crypto.randomBytes(24).toString('base64url')", set it where the app runs, deploy`,
    );
  });
  const values = names.map((name) => process.env[name]).filter((value) => value);
  if (new Set(values).size < values.length)
    findings.push(
      warn(
        'secrets',
        'two of them are the same',
        'use different ones: a client that may enqueue need not be an operator',
      ),
    );
  return findings;
}
