/** `npm run db:seed`: a demo company with everything that the job types need. Again, it changes nothing that people changed since. */
import { connect } from '@conversure/jobqueue/postgres';
import { openDatabase } from './database.ts';
import { loadEnvironment } from './environment.ts';
import { seedCompany } from './seed/company.ts';
import { runScript } from './setup-error.ts';

await runScript(async () => {
  loadEnvironment('development');
  const database = await openDatabase({ embedded: true });
  try {
    await database.migrate((line) => console.log(line));
    const reader = connect(database.url);
    const made = await seedCompany(reader, 'demo').finally(() => reader.close());
    console.log(`Database  ${database.address}`);
    console.log(`Company 'demo': ${made.leads} leads, ${made.templates} templates, settings for WhatsApp, AI and CRM.`);
    return 0;
  } finally {
    await database.stop();
  }
});
