/** The stand-ins as the demo uses them: over HTTP, as they may be another process's. What they count is what the proof rests on. */
import { z } from 'zod';
import { type Origins, TOUR_NUMBER_ID } from '../remote-systems.ts';

/** All three, and what the app was told of them. */
export interface Reached {
  readonly origins: Readonly<Record<'whatsapp' | 'bitrix24' | 'llm', string>>;
  readonly env: Readonly<Record<string, string>>;
}

/** Throws if one of the three is missing. */
export function reach({ origins, env }: { origins: Origins; env: Readonly<Record<string, string>> }): Reached {
  const { whatsapp, bitrix24, llm } = origins;
  if (whatsapp && bitrix24 && llm) return { origins: { whatsapp, bitrix24, llm }, env };
  throw new Error(`expected stand-ins of all three systems, got ${Object.keys(origins).join(', ') || 'none'}`);
}

const Messages = z.object({
  messages: z.array(
    z.object({ to: z.string(), type: z.enum(['text', 'template']), text: z.string(), opaqueId: z.string().nullable() }),
  ),
  refusedForRate: z.number(),
  mostPerSecond: z.number(),
  webhooksWaiting: z.number(),
});
const Portal = z.object({ leadsPerOrigin: z.record(z.string(), z.number()) });

/** A fault of the kit, as `POST /__standin/faults` takes it. */
export interface Fault {
  readonly match?: string;
  readonly ratio: number;
  readonly reset?: 'before' | 'after';
  readonly status?: number;
  readonly delayMs?: number;
  readonly truncate?: boolean;
}

export type Systems = ReturnType<typeof systemsAt>;

export function systemsAt({ origins }: Reached, stop: AbortSignal) {
  const ask = async (system: keyof Reached['origins'], control: string, init: RequestInit = {}): Promise<unknown> => {
    const response = await fetch(`${origins[system]}/__standin/${control}`, { ...init, signal: stop });
    if (!response.ok) throw new Error(`the stand-in of ${system} answered ${response.status} to ${control}`);
    return response.json();
  };
  const post = (system: keyof Reached['origins'], control: string, body: object) =>
    ask(system, control, { method: 'POST', body: JSON.stringify(body) });
  return {
    messages: async () => Messages.parse(await ask('whatsapp', 'state')),
    portal: async () => Portal.parse(await ask('bitrix24', 'state')),
    /** A person, by number without plus, writes to the demo's company. */
    say: (from: string, text: string) => post('whatsapp', 'say', { from, text, number: TOUR_NUMBER_ID }),
    async spoil(system: keyof Reached['origins'], faults: readonly Fault[]): Promise<void> {
      for (const fault of faults) await post(system, 'faults', { ...fault, times: null });
    },
    spoilWebhooks: (faults: { lost: number; doubled: number; reordered: boolean; delayMs: number }) =>
      post('whatsapp', 'webhookFaults', faults),
    /** Whatever was spoilt is well again. */
    async heal(): Promise<void> {
      for (const system of ['whatsapp', 'bitrix24', 'llm'] as const) await ask(system, 'faults', { method: 'DELETE' });
      await post('whatsapp', 'webhookFaults', { lost: 0, doubled: 0, reordered: false, delayMs: 0 });
    },
  };
}
