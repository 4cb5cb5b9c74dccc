/** A lead as the portal knows it, and back. Pure. */
import { createHash } from 'node:crypto';
import type { Wanted } from '../providers/bitrix24.ts';

export interface Lead {
  readonly id: string;
  readonly phone: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly source: string | null;
  readonly organisation: string | null;
  readonly notes: string | null;
}

/** Whose leads these are, for the portal: with `originId` it names one of ours and no other. */
export const ORIGINATOR = 'conversure';

export function originOf(leadId: string): string {
  return `lead:${leadId}`;
}

/** The lead that an origin id names, or null. */
export function leadOf(originId: unknown): string | null {
  return typeof originId === 'string' ? (/^lead:(\d{1,19})$/.exec(originId)?.[1] ?? null) : null;
}

export interface Content {
  /** Those of `crm.item` that both sides may change. */
  readonly fields: {
    readonly name: string;
    readonly companyTitle: string;
    readonly sourceDescription: string;
    readonly comments: string;
  };
  readonly multifields: readonly Wanted[];
}

export function contentOf(lead: Omit<Lead, 'id'>): Content {
  return {
    fields: {
      name: lead.name ?? '',
      companyTitle: lead.organisation ?? '',
      sourceDescription: lead.source ?? '',
      comments: lead.notes ?? '',
    },
    multifields: [
      { typeId: 'PHONE', value: lead.phone },
      ...(lead.email === null ? [] : [{ typeId: 'EMAIL' as const, value: lead.email }]),
    ],
  };
}

export function titleOf({ name, phone }: Pick<Lead, 'name' | 'phone'>): string {
  return name ?? phone;
}

/** The same for the same content, whichever side it comes from. */
export function hashOf({ fields, multifields }: Content): string {
  const { name, companyTitle, sourceDescription, comments } = fields;
  const values = multifields.map(({ typeId, value }) => `${typeId}:${value.toLowerCase()}`).sort();
  return createHash('sha256')
    .update(JSON.stringify([name, companyTitle, sourceDescription, comments, values]))
    .digest('base64url');
}
