/** A company's CRM settings: its access, and the company's wishes. */

import type { Limit } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { openCredential } from '../connections/credential.ts';
import type { Country } from '../phone/index.ts';
import { bitrix24WebhookUrl } from '../providers/bitrix24/environment.ts';
import { Portal } from '../providers/bitrix24.ts';
import type { Edits } from './merge.ts';

export interface Crm {
  readonly portal: Portal;
  /** All requests of a portal take from it, whatever they are for. */
  readonly bucket: string;
  readonly limit: Limit;
  /** The country that a number without country code is dialled from. */
  readonly country: Country;
  readonly policy: 'link' | 'create' | 'skip';
  readonly sourceId: string | null;
  readonly stageId: string | null;
  readonly assignedById: number | null;
  readonly importsLeads: boolean;
  readonly edits: Edits;
  readonly directory: KnownDirectory | null;
}

/** Names that the portal knows. A company's settings refer to some of them. */
export interface Directory {
  /** The portal that it is of: a company may have moved to another. */
  readonly host: string;
  /** Those that can be written. */
  readonly fields: readonly string[];
  readonly stages: readonly string[];
  readonly sources: readonly string[];
}

export interface KnownDirectory extends Directory {
  readonly ageMs: number;
}

/** Null if neither the company nor the deployment has a portal. A webhook's URL that cannot be decrypted pauses the connection. */
export async function crmOf(database: Executor, companyId: string): Promise<Crm | 'paused' | null> {
  const [row] = await database.execute<Row>({
    text: `
      select s.webhook_url, co.default_country as country, coalesce(s.per_second, 2) as per_second, coalesce(s.burst, 50) as burst,
             coalesce(s.duplicate_policy, 'link') as policy, s.source_id, s.stage_id, s.assigned_by_id::text as assigned_by_id,
             coalesce(s.imports_leads, false) as imports_leads, coalesce(s.portal_edits, 'take') as edits, s.directory,
             (extract(epoch from now() - s.directory_at) * 1000)::float8 as directory_age_ms, c.paused_at is not null as is_paused
      from companies co
      left join crm_settings s on s.company_id = co.id
      left join connections c on c.company_id = co.id and c.provider = 'bitrix24'
      where co.id = $1`,
    params: [companyId],
  });
  const stored = row?.webhook_url ?? bitrix24WebhookUrl();
  if (row === undefined || stored === null) return null;
  if (row.is_paused) return 'paused';
  const connection = { companyId, provider: 'bitrix24' } as const;
  const webhookUrl = await openCredential(database, connection, 'crm.webhookUrl', stored);
  if (webhookUrl === null) return 'paused';
  const portal = new Portal(webhookUrl);
  return {
    portal,
    bucket: `bitrix24:${portal.host}`,
    limit: { perSecond: row.per_second, burst: row.burst },
    country: row.country,
    policy: row.policy,
    sourceId: row.source_id,
    stageId: row.stage_id,
    assignedById: row.assigned_by_id === null ? null : Number(row.assigned_by_id),
    importsLeads: row.imports_leads,
    edits: row.edits,
    directory: row.directory && { ...row.directory, ageMs: row.directory_age_ms ?? 0 },
  };
}

interface Row {
  webhook_url: string | null;
  country: Country;
  per_second: number;
  burst: number;
  policy: Crm['policy'];
  source_id: string | null;
  stage_id: string | null;
  assigned_by_id: string | null;
  imports_leads: boolean;
  edits: Edits;
  directory: Directory | null;
  directory_age_ms: number | null;
  is_paused: boolean;
}
