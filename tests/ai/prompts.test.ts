/** Prompts as people keep them: versions for good, labels that point to one each, and templates that are read once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labelHistory, moveLabel, rollBackLabel, savePrompt } from '../../lib/ai/prompts.ts';
import { render, TemplateError, variablesOf } from '../../lib/ai/template.ts';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let fresh: TestDatabase;
let database: Database;
let prompts = 0;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = connect(fresh.url);
  await database.execute({ text: "insert into companies (id, name) values ('acme', 'Acme')", params: [] });
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const newPrompt = (companyId: string | null = 'acme') => ({ companyId, key: `prompt_${++prompts}` });
const text = (system: string) => ({ system, userTemplate: '{{message}}', createdBy: 'sam' });
const rows = (sql: string, ...params: unknown[]) => database.execute({ text: sql, params });

describe('saving', () => {
  test('ten different texts at once are ten versions, none lost and none twice', async () => {
    const prompt = newPrompt();
    const saves = Array.from({ length: 10 }, (_, n) => savePrompt(database, { ...prompt, ...text(`Text ${n}`) }));
    const versions = await Promise.all(saves);
    expect(versions.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const stored = await rows(
      'select v.system from prompts p join prompt_versions v on v.prompt_id = p.id where p.key = $1',
      prompt.key,
    );
    expect(new Set(stored.map(({ system }) => system)).size).toBe(10);
  });

  test('a double click is one version; the same text later is a new one', async () => {
    const prompt = newPrompt();
    expect(await Promise.all([1, 2, 3].map(() => savePrompt(database, { ...prompt, ...text('One') })))).toEqual([
      1, 1, 1,
    ]);
    expect(await savePrompt(database, { ...prompt, ...text('Two') })).toBe(2);
    expect(await savePrompt(database, { ...prompt, ...text('One') })).toBe(3);
  });

  test("a company's prompt and the one for all have the same key and are two, each only once", async () => {
    const own = newPrompt();
    for (const companyId of ['acme', null, 'acme', null])
      await savePrompt(database, { ...own, companyId, ...text(`For ${companyId}`) });
    const found = await rows('select company_id from prompts where key = $1 order by company_id', own.key);
    expect(found).toEqual([{ company_id: 'acme' }, { company_id: null }]);
  });

  test.each([
    "update prompt_versions set system = 'x'",
    'delete from prompt_versions',
    'truncate prompt_versions cascade',
  ])('%s is refused: a version is for good', async (sql) => {
    await savePrompt(database, { ...newPrompt(), ...text('For good') });
    await expect(rows(sql)).rejects.toThrow('a prompt version is never changed or removed');
  });

  test.each([
    ['a customer’s words in the system prompt', 'Hi {{message}}', '{{message}}', '{{message}}'],
    ['a variable that there is not', 'Hi {{comapny}}', '{{message}}', 'got {{comapny}}'],
    ['the history, which is sent as messages', 'Hi', '{{history}} {{message}}', 'got {{history}}'],
    ['braces around nothing', 'Hi {{}}', '{{message}}', 'expected {{ and }} only around'],
    ['braces that do not close', 'Hi {{company', '{{message}}', 'expected {{ and }} only around'],
  ])('%s is refused', async (_, system, userTemplate, message) => {
    const saved = savePrompt(database, { ...newPrompt(), system, userTemplate, createdBy: 'sam' });
    await expect(saved).rejects.toThrow(TemplateError);
    await expect(saved).rejects.toThrow(message);
  });
});

describe('a label', () => {
  const versions = async (count: number) => {
    const prompt = newPrompt();
    for (let n = 1; n <= count; n++) await savePrompt(database, { ...prompt, ...text(`Text ${n}`) });
    const move = (version: number, label = 'production') =>
      moveLabel(database, { ...prompt, label, version, movedBy: 'sam' });
    const history = async () =>
      (await labelHistory(database, prompt.companyId, prompt.key)).map(({ from, to }) => [from, to]);
    const back = (from: number) => rollBackLabel(database, { ...prompt, label: 'production', from, movedBy: 'kim' });
    const pointed = () =>
      rows(
        'select l.label, l.version from prompts p join prompt_labels l on l.prompt_id = p.id where p.key = $1 order by 1',
        prompt.key,
      );
    return { move, history, back, pointed };
  };

  test('points to one version, and two labels to two', async () => {
    const { move, pointed } = await versions(3);
    await move(1);
    await move(2);
    await move(3, 'staging');
    expect(await pointed()).toEqual([
      { label: 'production', version: 2 },
      { label: 'staging', version: 3 },
    ]);
    expect(await move(4)).toBe(false);
    expect(await pointed()).toMatchObject([{ version: 2 }, { version: 3 }]);
  });

  test('that is moved by five at once tells a history without a gap', async () => {
    const { move, history, pointed } = await versions(6);
    await move(6);
    await Promise.all([1, 2, 3, 4, 5].map((version) => move(version)));
    const told = (await history()).toReversed();
    expect(told).toHaveLength(6);
    for (const [n, [from]] of told.entries()) expect(from).toBe(n === 0 ? null : told[n - 1]?.[1]);
    expect(await pointed()).toEqual([{ label: 'production', version: told.at(-1)?.[1] }]);
  });

  test('that points there already is moved without a line of history', async () => {
    const { move, history } = await versions(1);
    expect([await move(1), await move(1)]).toEqual([true, true]);
    expect(await history()).toEqual([[null, 1]]);
  });

  test('goes back to where it came from, once, however often that is asked for at once', async () => {
    const { move, history, back, pointed } = await versions(3);
    await move(1);
    await move(3);
    const answers = await Promise.all([back(3), back(3), back(3)]);
    expect(answers.toSorted()).toEqual([1, null, null]);
    expect(await pointed()).toEqual([{ label: 'production', version: 1 }]);
    expect(await history()).toEqual([
      [3, 1],
      [1, 3],
      [null, 1],
    ]);
  });

  test('without a version before it stays where it is', async () => {
    const { move, back, pointed } = await versions(1);
    await move(1);
    expect(await back(1)).toBeNull();
    expect(await pointed()).toEqual([{ label: 'production', version: 1 }]);
  });
});

describe('a template', () => {
  test('is read once: what stands in a value is text', () => {
    const values = { company: '{{message}} $& $1 $$ {{', message: '{{company}}' };
    expect(render('a {{company}} b {{ message }} c', values)).toBe('a {{message}} $& $1 $$ {{ b {{company}} c');
  });

  test('without a value for a variable is an error, never a blank', () => {
    expect(() => render('Hi {{name}}', { company: 'x' })).toThrow('expected only {{company}}, got {{name}}');
  });

  test('names its variables once each', () => {
    expect(variablesOf('{{tone}} {{company}} {{tone}}', ['tone', 'company'])).toEqual(['tone', 'company']);
  });
});
