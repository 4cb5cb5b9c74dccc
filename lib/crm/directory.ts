/**
 * Reads a portal's directory: fields, stages, sources. Bitrix24 silently ignores a field that it does not know, so a company's
 * settings are compared with the directory before anything is written.
 */

import { storableJson } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { pauseConnection } from '../connections/connection.ts';
import { waitForOperator } from '../connections/outage.ts';
import { type Bitrix24Error, type Command, mapOf } from '../providers/bitrix24.ts';
import { type Asking, askAll, askOne, Later } from './ask.ts';
import { NAMES } from './mapping.ts';
import type { Crm, Directory } from './settings.ts';

/** People add fields and stages rarely; one that they remove is missed for so long. */
const FRESH_MS = 24 * 3_600_000;
/** A portal with more would fill the row of its settings; who uses the 501st stage has to name another. */
const MOST_STATUSES = 500;
const MOST_FIELDS = 2_000;
/** The vendor's page. */
const PAGE = 50;

const ALWAYS: readonly string[] = ['title', 'originatorId', 'originId', ...Object.values(NAMES)];

/**
 * Pauses the connection and throws `Later` where the settings name what the portal has not: no retry mends it, and a resumed connection
 * is checked anew. Asks the portal only where nobody did for a day, or what was known then does not fit.
 */
export async function checkSettings(asking: Asking): Promise<void> {
  const { crm, database, companyId, state } = asking;
  const { directory: known } = crm;
  const isFresh = known !== null && known.host === crm.portal.host && known.ageMs < FRESH_MS;
  if (isFresh && faultIn(crm, known) === null) return;
  const reason = faultIn(crm, await readDirectory(asking));
  if (reason === null) return;
  await pauseConnection(database, { companyId, provider: 'bitrix24' }, { code: 'settings_invalid', reason });
  throw new Later(waitForOperator(state));
}

/** The settings that the portal does not have, in words for the operator; null if it has all. */
function faultIn(crm: Crm, { fields, stages, sources }: Directory): string | null {
  const { stageId, sourceId, assignedById } = crm;
  const used = [
    ...ALWAYS,
    ...(stageId === null ? [] : ['stageId']),
    ...(sourceId === null ? [] : ['sourceId']),
    ...(assignedById === null ? [] : ['assignedById']),
  ];
  const field = used.find((name) => !fields.includes(name));
  if (field !== undefined) return `the portal's leads have no field ${field} that can be written`;
  if (stageId !== null && !stages.includes(stageId))
    return `crm_settings.stage_id: the portal has no stage ${stageId}, but ${some(stages)}`;
  if (sourceId !== null && !sources.includes(sourceId))
    return `crm_settings.source_id: the portal has no source ${sourceId}, but ${some(sources)}`;
  return null;
}

/** One request, unless the portal has more than a page of stages. */
async function readDirectory(asking: Asking): Promise<Directory> {
  const { crm, database, companyId } = asking;
  const results: unknown[] = [];
  let refused: Bitrix24Error | null = null as Bitrix24Error | null;
  await askAll(asking, {
    methods: ['crm.item.fields', 'crm.status.list'],
    commands: () => [
      { method: 'crm.item.fields', params: { entityTypeId: 1 } },
      statusesFrom('STATUS', 0),
      statusesFrom('SOURCE', 0),
    ],
    settle(told) {
      for (const one of told) {
        if (one.kind === 'refused') refused ??= one.error;
        results.push(one.kind === 'done' ? one.result : null);
      }
    },
  });
  if (refused !== null) await pauseAsRefused(asking, refused);
  // A portal that failed at one of them has said nothing of what it knows.
  if (results.some((result) => result === null))
    throw new Error('the portal did not say what fields and stages it has');
  const fields = mapOf(mapOf(results[0]).fields);
  const directory: Directory = {
    host: crm.portal.host,
    fields: Object.keys(fields)
      .filter((name) => mapOf(fields[name]).isReadOnly !== true)
      .slice(0, MOST_FIELDS),
    stages: await allStatuses(asking, 'STATUS', idsOf(results[1])),
    sources: await allStatuses(asking, 'SOURCE', idsOf(results[2])),
  };
  await remember(database, companyId, directory);
  return directory;
}

async function allStatuses(asking: Asking, entityId: Kind, first: readonly string[]): Promise<string[]> {
  const found = [...first];
  for (let page = first; page.length >= PAGE && found.length < MOST_STATUSES; ) {
    const asked = await askOne(asking, statusesFrom(entityId, found.length));
    if (asked.kind === 'refused') return pauseAsRefused(asking, asked.error);
    page = idsOf(asked.result);
    found.push(...page);
  }
  return found;
}

/** No record was asked about, so no record is to blame. */
async function pauseAsRefused({ database, companyId, state }: Asking, error: Bitrix24Error): Promise<never> {
  const pause = { code: error.code || 'refused', reason: error.message };
  await pauseConnection(database, { companyId, provider: 'bitrix24' }, pause);
  throw new Later(waitForOperator(state));
}

/** STATUS: the stages of leads; SOURCE: where they came from. */
type Kind = 'STATUS' | 'SOURCE';

function statusesFrom(entityId: Kind, start: number): Command {
  return { method: 'crm.status.list', params: { order: { SORT: 'ASC' }, filter: { ENTITY_ID: entityId }, start } };
}

function idsOf(result: unknown): string[] {
  return Array.isArray(result) ? result.map((one) => String(mapOf(one).STATUS_ID)) : [];
}

/** A company that uses the deployment's portal may have no row of its own yet. */
async function remember(database: Executor, companyId: string, directory: Directory): Promise<void> {
  await database.execute({
    text: `
      insert into crm_settings as s (company_id, directory, directory_at) values ($1, $2::jsonb, now())
      on conflict (company_id) do update set directory = excluded.directory, directory_at = excluded.directory_at`,
    params: [companyId, storableJson(directory)],
  });
}

/** Enough to see the mistake. */
function some(ids: readonly string[]): string {
  return ids.slice(0, 20).join(', ') || 'none';
}
