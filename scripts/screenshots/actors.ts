/** The app's types with handlers that act: they take their time, most succeed, and those that the story dooms fail as a remote system would. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, JobContext } from '@conversure/jobqueue';
import { jobs } from '../../lib/queue/jobs.ts';

export interface Doom {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

/** The handlers' view of the story. */
export interface Story {
  /** The fate of each job, by the id in its payload. */
  readonly doomed: Map<string, Doom>;
  /** Jobs that run until somebody ends the drain. */
  endless: boolean;
}

/** Longer than anybody looks at the pages while jobs run. */
const TIMEOUT_MS = 1_800_000;

/** Duration of a run, ms: a call of a model takes longer than writing a row. */
const TAKES: Readonly<Record<string, number>> = {
  ai_generation: 420,
  message_send: 90,
  crm_sync: 160,
  whatsapp_event: 15,
};

export function actors(story: Story): readonly Job[] {
  return jobs.map((job) => ({
    ...(job as Job),
    rateLimit: null, // nothing is sent
    timeoutMs: TIMEOUT_MS,
    handler: job.handler === null ? null : async () => ({ run: (context) => act(story, context) }),
  }));
}

async function act(
  { doomed, endless }: Story,
  { job, payload, signal, progress }: JobContext<unknown>,
): Promise<unknown> {
  const sent = payload as Readonly<Record<string, string>>;
  const doom = doomed.get(sent.leadId ?? sent.conversationId ?? sent.campaignId ?? '');
  const takesMs = TAKES[job.type] ?? 50;
  if (endless) {
    progress({ done: 41, total: 120, note: 'rows 41 to 60' });
    await sleep(3_600_000, undefined, { signal });
  }
  await sleep(takesMs * (0.4 + (1.2 * (Number(job.id) % 17)) / 17), undefined, { signal });
  if (doom !== undefined) throw failure(doom);
  return { ok: true, tokens: 300 + (Number(job.id) % 97) };
}

/** With the stack that the app's own provider would show, whatever machine makes the pictures. */
function failure({ name, code, message }: Doom): Error {
  const stack = `${name}: ${message}\n    at call (lib/providers/bitrix24.ts:88:11)\n    at run (lib/crm/crm-sync/run.ts:41:20)`;
  return Object.assign(new Error(message), { name, code, stack });
}
