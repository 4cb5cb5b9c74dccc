/** The endpoints as any client calls them, each with the secret that opens it. */
import { z } from 'zod';
import type { Secrets } from '../secrets.ts';
import { SetupError } from '../setup-error.ts';

const n = z.number();
const Uploaded = z.object({ importId: z.string(), jobId: z.string() });

const Import = z.object({
  importId: z.string(),
  status: z.enum(['pending', 'waiting', 'running', 'paused', 'completed', 'failed', 'cancelled']),
  progress: z.object({ percent: n }),
  counts: z.object({
    rows: n.nullable(),
    created: n,
    updated: n,
    unchanged: n,
    duplicates: n,
    skipped: n,
    errors: n,
  }),
  failure: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type Import = z.output<typeof Import>;

const total = z.object({ total: n });
const Campaign = z.object({
  status: z.string(),
  report: z.object({
    planned: n,
    pending: n,
    sending: n,
    accepted: n,
    sent: n,
    delivered: n,
    read: n,
    unknown: n,
    unconfirmed: n,
    skipped: total,
    deferred: total,
    failed: total,
  }),
});
export type Campaign = z.output<typeof Campaign>;

const Job = z.object({ id: z.string(), status: z.string(), attempts: n });
const Report = z.object({
  claimed: n,
  completed: n,
  retried: n,
  deadLettered: n,
  continued: n,
  lost: n,
  rescued: n,
  steps: n,
});
export type Report = z.output<typeof Report>;

const Refusal = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

export interface Upload {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly companyId: string;
  readonly country: string;
  /** The tag of every lead of the file. */
  readonly tag: string;
}

export type DemoApi = ReturnType<typeof demoApi>;

export function demoApi({ origin, secrets, stop }: { origin: string; secrets: Secrets; stop: AbortSignal }) {
  const { QUEUE_API_KEY, CRON_SECRET } = secrets;
  const ask = async (path: string, bearer: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { ...init.headers, authorization: `Bearer ${bearer}` };
    const response = await fetch(new URL(path, origin), { ...init, headers, signal: stop });
    if (response.ok) return response;
    throw new SetupError(`${init.method ?? 'GET'} ${path.split('?')[0]}: ${await refusalOf(response)}`);
  };
  return {
    async upload({ name, bytes, companyId, country, tag }: Upload): Promise<z.output<typeof Uploaded>> {
      const query = new URLSearchParams({ companyId, country, fileName: name, tags: tag });
      const init = { method: 'POST', headers: { 'content-type': 'text/csv' }, body: bytes };
      return Uploaded.parse(await (await ask(`/api/imports?${query}`, QUEUE_API_KEY, init)).json());
    },
    async readImport(id: string): Promise<Import> {
      return Import.parse(await (await ask(`/api/imports/${id}`, QUEUE_API_KEY)).json());
    },
    async errorFile(id: string): Promise<string> {
      return (await ask(`/api/imports/${id}/errors`, QUEUE_API_KEY)).text();
    },
    async createCampaign(campaign: object): Promise<void> {
      const headers = { 'content-type': 'application/json' };
      await ask('/api/campaigns', QUEUE_API_KEY, { method: 'POST', headers, body: JSON.stringify(campaign) });
    },
    async readCampaign(id: string): Promise<Campaign> {
      return Campaign.parse(await (await ask(`/api/campaigns?id=${id}`, QUEUE_API_KEY)).json());
    },
    async resumeCampaign(id: string): Promise<void> {
      await ask(`/api/campaigns?id=${id}&action=resume`, QUEUE_API_KEY, { method: 'POST' });
    },
    async readJob(id: string): Promise<z.output<typeof Job>> {
      return Job.parse(await (await ask(`/api/jobs?id=${id}`, QUEUE_API_KEY)).json());
    },
    async drain(): Promise<Report> {
      return Report.parse(await (await ask('/api/cron/drain', CRON_SECRET)).json());
    },
  };
}

async function refusalOf(response: Response): Promise<string> {
  const refusal = Refusal.safeParse(await response.json().catch(() => null)); // an error page is no JSON
  const message = refusal.success ? refusal.data.error.message : 'no reason was given';
  if (response.status !== 401) return `${response.status} ${message}`;
  return `401: the app that runs already has other secrets than this demo. Stop it, or start it with the same environment.`;
}
