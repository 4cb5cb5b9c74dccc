/** The four jobs one after the other, each waiting for what the one before made; then the tables, and whether all of it is true. */
import { randomUUID } from 'node:crypto';
import type { Database } from '@conversure/jobqueue/postgres';
import type { DemoApi } from './api.ts';
import { startChaos } from './chaos.ts';
import { COMPANY, closeCompany, openCompany } from './company.ts';
import type { LeadsFile } from './file.ts';
import { type Findings, findings, summaryOf } from './findings.ts';
import { jobsByStatus } from './jobs.ts';
import { type Check, proofOf } from './proof.ts';
import { runCampaign } from './stages/campaign.ts';
import { syncLeads } from './stages/crm.ts';
import { importFile } from './stages/import.ts';
import { answerReplies } from './stages/replies.ts';
import { type Reached, systemsAt } from './systems.ts';
import { table } from './table.ts';
import { startTicks } from './ticks.ts';

export interface StoryOptions {
  readonly api: DemoApi;
  readonly database: Database;
  readonly reached: Reached;
  readonly file: LeadsFile;
  /** The app's environment, passed to drains that run in processes of their own. */
  readonly env: Readonly<Record<string, string>>;
  readonly print: (line: string) => void;
  readonly stop: AbortSignal;
}

type Table = readonly (readonly (string | number)[])[];

/** True if every check passed. */
export async function tellStory(options: StoryOptions): Promise<boolean> {
  const { api, database, reached, file, env, print, stop } = options;
  const systems = systemsAt(reached, stop);
  const since = new Date();
  await openCompany(database, reached, { secretsKey: env.SECRETS_KEY });
  const chaos = file.isChaos ? await startChaos({ database, systems, env, print }) : null;
  const drains = chaos ?? startTicks(api);
  const wait = async () => chaos?.wait();
  try {
    const upload = { ...file, companyId: COMPANY, tag: `file ${file.name.replace(/[,;|]/g, ' ')}` };
    const imported = await importFile(api, upload, { print, stop, wait });
    if (imported.view.status !== 'completed') return tell(print, [], await findings(database, api, imported), []);
    const synced = await syncLeads(database, { print, stop, wait });
    const campaignId = `demo-${randomUUID()}`;
    const { report } = await runCampaign(api, { id: campaignId, tag: upload.tag, print, stop, wait });
    const replied = await answerReplies(database, systems, { campaignId, print, stop, wait });
    await chaos?.calm();
    print('          waiting for whatever is still under way');
    const checks = await proofOf(database, systems, { campaignId, since, wait });
    const found = await findings(database, api, imported);
    const arrived = report.delivered + report.read;
    const rows: Table = [
      ['leads in the CRM', synced.synced],
      ['refused by the CRM', synced.refused],
      ['invited', report.planned],
      ['  delivered', arrived],
      ['  skipped because of an earlier opt-out', report.skipped.total],
      ['  failed', report.failed.total],
      ['  outcome unknown, so no message was sent again', report.unconfirmed],
      ['wrote back', replied.written],
      ['  answered by the model', replied.answered],
      ['  a draft waits for a person', replied.review],
      ['  opted out', replied.optedOut],
    ];
    const jobs = await jobsByStatus(database);
    const sections = [
      table(['jobs by status', 'jobs'], jobs),
      table(['what became of them', 'people'], rows),
      table([chaos ? 'what went wrong' : 'the drains', ''], Object.entries(drains.totals())),
    ];
    const sumUp =
      report.skipped.total + report.failed.total + report.unconfirmed + arrived + report.accepted + report.sent;
    const final: Check = {
      claim: `every recipient came to an end: ${sumUp} of ${report.planned}`,
      holds: sumUp === report.planned,
    };
    return tell(print, sections, found, [final, ...checks]);
  } finally {
    await drains.close();
    await closeCompany(database);
  }
}

function tell(
  print: (line: string) => void,
  sections: readonly (readonly string[])[],
  found: Findings,
  more: readonly Check[],
): boolean {
  const checks = [...found.checks, ...more];
  for (const line of [...summaryOf(found), ...sections.flatMap((lines) => [...lines, ''])]) print(line);
  for (const { claim, holds } of checks) print(`${holds ? '✓' : '✗ NOT TRUE:'} ${claim}`);
  return checks.every(({ holds }) => holds);
}
