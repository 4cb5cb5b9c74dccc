/** The effect of each outcome of a call on its recipient and on the rest, over all errors. */
import { describe, expect, test } from 'vitest';
import { tripped } from '../../lib/campaigns/campaign-send/breaker.ts';
import type { Claimed } from '../../lib/campaigns/campaign-send/claim.ts';
import { fill } from '../../lib/campaigns/campaign-send/parameters.ts';
import { stateOf } from '../../lib/campaigns/campaign-send/state.ts';
import { gravest, judge } from '../../lib/campaigns/campaign-send/verdict.ts';
import { effectOf, type WhatsAppError } from '../../lib/providers/whatsapp.ts';
import { fillIn } from '../../lib/templates/fill.ts';
import type { Parameter } from '../../lib/templates/parameter.ts';

const claimed: Claimed = {
  id: '1',
  claim: 'c',
  opaqueId: 'cvr_x',
  phone: '+971501234567',
  language: null,
  parameters: {},
  attempt: 1,
  wasCapped: false,
};

function refused(code: number, given: Partial<Claimed> = {}, retryAfterMs: number | null = null) {
  const effect = effectOf(code);
  const error: WhatsAppError = {
    code,
    message: 'm',
    details: 'to +971501234567',
    status: 400,
    traceId: null,
    effect,
    retryAfterMs,
  };
  return judge({ ...claimed, ...given }, { kind: 'refused', error }, () => 0.5);
}

describe('a refusal', () => {
  test.each<[number, string, boolean, string | null]>([
    [131016, 'deferred', true, null],
    [131000, 'unknown', true, null],
    [4, 'pending', false, 'throttled'],
    [80007, 'pending', false, 'throttled'],
    [130429, 'pending', false, 'throttled'],
    [131056, 'deferred', true, null],
    [190, 'pending', false, 'pause_channel'],
    [131042, 'pending', false, 'pause_channel'],
    [131048, 'pending', false, 'pause_campaign'],
    [132000, 'failed', true, null],
    [132005, 'failed', true, null],
    [132012, 'failed', true, null],
    [132018, 'failed', true, null],
    [131008, 'failed', true, null],
    [132001, 'failed', true, 'fail_campaign'],
    [132015, 'pending', false, 'pause_campaign'],
    [132016, 'pending', false, 'pause_campaign'],
    [100, 'failed', true, null],
    [131026, 'failed', true, null],
    [131047, 'failed', true, null],
    [131049, 'deferred', true, null],
    [131050, 'failed', true, null],
  ])('%i: the recipient is %s, counted as an attempt: %s, and halts: %s', (code, to, counts, halt) => {
    const verdict = refused(code);
    expect(verdict.outcome).toMatchObject({ to, counts, code });
    expect(verdict.halt?.kind ?? null).toBe(halt);
  });

  test('is waited out 4, 16, 64, 256 seconds, longer if Meta says so, and then has failed', () => {
    const delays = [1, 2, 3, 4].map((attempt) => refused(131016, { attempt }).outcome.delayMs);
    expect(delays).toEqual([4_000, 16_000, 64_000, 256_000]);
    expect(refused(131016, { attempt: 5 }).outcome.to).toBe('failed');
    expect(refused(131016, {}, 60_000).outcome.delayMs).toBe(60_000);
  });

  test('says nothing that names a person', () => {
    expect(JSON.stringify(refused(131026))).not.toContain('971501234567');
  });

  test('by the cap is final the second time', () => {
    expect(refused(131049).outcome.delayMs).toBeGreaterThanOrEqual(24 * 3_600_000);
    expect(refused(131049, { wasCapped: true }).outcome.to).toBe('failed');
  });
});

test('accepted, but held back by Meta to see how the template does: recorded, and the campaign pauses', () => {
  const sent = { kind: 'accepted', wamid: 'w', waId: '1', state: 'paused' } as const;
  const { outcome, halt } = judge(claimed, sent, Math.random);
  expect(outcome).toMatchObject({ to: 'accepted', wamid: 'w' });
  expect(halt).toMatchObject({ kind: 'pause_campaign', code: 'template_paced' });
});

test('of several reasons to stop the gravest counts', () => {
  const outage = { kind: 'outage', error: new Error('x') } as const;
  const fail = { kind: 'fail_campaign', code: '1', message: 'm' } as const;
  expect(gravest([outage, fail, { kind: 'throttled', retryAfterMs: 0 }])).toBe(fail);
  expect(gravest([])).toBeNull();
});

test('the breaker waits for its sample, and for no sample where one code is enough', () => {
  const breaker = { failureRatio: 0.5, failureSample: 20 };
  const newest = (ended: number, failed: number, counts: Record<number, number>, accepted = false) => ({
    ended,
    failed,
    codes: Object.keys(counts).map(Number),
    counts,
    accepted,
  });
  expect(tripped(newest(19, 19, { 131026: 19 }), breaker)).toBeNull();
  expect(tripped(newest(20, 10, { 131026: 10 }), breaker)).toBeNull();
  expect(tripped(newest(20, 11, { 131026: 11 }), breaker)).toMatchObject({ code: 'failure_ratio' });
  expect(tripped(newest(1, 1, { 132001: 1 }), breaker)).toMatchObject({ kind: 'fail_campaign' });
  expect(tripped(newest(1, 1, { 132016: 1 }), breaker)).toMatchObject({ kind: 'pause_campaign' });
  expect(tripped(newest(1, 1, { 131042: 1 }), breaker)).toMatchObject({ kind: 'pause_channel' });
  expect(tripped(newest(2, 2, { 132005: 2 }), breaker)).toBeNull();
  expect(tripped(newest(3, 3, { 132005: 2, 132012: 1 }), breaker)).toMatchObject({
    kind: 'pause_campaign',
    code: '132005',
  });
  expect(tripped(newest(9, 9, { 132005: 9 }, true), breaker)).toBeNull();
});

describe('parameters', () => {
  test('a customer’s text is data: no pattern in it is read, and no gap is left empty', () => {
    const sources = {
      'body.1': { field: 'name', fallback: 'there' },
      'body.2': { field: '__proto__', fallback: 'none' },
    } as const;
    expect(fill(sources, { name: '$& {{2}} \t\n x' })).toEqual({ 'body.1': '$& {{2}} x', 'body.2': 'none' });
    expect(fill({ 'body.1': { field: 'name' } }, { name: '  ' })).toEqual({});
  });

  test('go to their components in the template’s order', () => {
    const parameters: Parameter[] = [
      { component: 'header', name: '1' },
      { component: 'body', name: '1' },
      { component: 'body', name: '2' },
      { component: 'button', name: '1', index: 1 },
    ];
    const texts = { 'header.1': 'H', 'body.1': 'A', 'body.2': 'B', 'button.1.1': 'x' };
    const template = { parameters, format: 'POSITIONAL', body: '{{1}} {{2}}', components: null } as const;
    const filled = fillIn(template, texts);
    expect(filled.kind === 'filled' && filled.components).toEqual([
      { type: 'header', parameters: [{ type: 'text', text: 'H' }] },
      {
        type: 'body',
        parameters: [
          { type: 'text', text: 'A' },
          { type: 'text', text: 'B' },
        ],
      },
      { type: 'button', subType: 'url', index: 1, parameters: [{ type: 'text', text: 'x' }] },
    ]);
    expect(fillIn(template, { 'header.1': 'H' })).toEqual({ kind: 'missing', key: 'body.1' });
  });
});

test('a job’s state of another version is read as far as it goes', () => {
  expect(stateOf(null)).toEqual({ throttles: 0, looks: 0 });
  expect(stateOf({ throttles: 2, looks: 'many', else: 1 })).toEqual({ throttles: 2, looks: 0 });
});
