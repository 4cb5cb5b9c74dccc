/** The console's stylesheet in an app with rules of its own: neither changes how the other looks. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { takeTurns } from '../support/take-turns.ts';
import { CHROMIUM, launch } from './chromium.ts';

const SKIPPED = CHROMIUM === null ? ', SKIPPED: no Chromium here; install Debian’s, or set CHROMIUM_PATH' : '';

/** Typical CSS of a host: rules for bare elements, and for classes that the console has too. */
const HOST_CSS = `
  @keyframes spin { to { opacity: 0.5 } }
  * { box-sizing: content-box; letter-spacing: 2px }
  html { font-size: 22px; color-scheme: dark }
  body { margin: 30px; font: italic 20px/2 serif; color: rgb(200, 0, 0); background: rgb(20, 0, 0); text-align: right }
  h1, h2 { text-transform: uppercase; margin: 40px; color: rgb(0, 200, 0) }
  a { color: rgb(0, 0, 200); text-decoration: line-through }
  table { border: 5px solid red; width: 50% } th, td { padding: 33px; border: 3px dotted red }
  ul { list-style: square; padding-left: 60px } dl { margin: 50px } p { text-indent: 40px }
  button, input, select { border-radius: 20px; background: rgb(90, 90, 0); font-size: 30px }
  svg { opacity: 1 }
  .card { padding: 99px; position: absolute } .button { float: right; text-transform: uppercase } .badge { color: white }
  .grid { gap: 77px } .flex { flex-direction: column-reverse } .soft { visibility: hidden } .field { border: 9px solid red }
`;
const CONTENT = `
  <h1>Title</h1><h2>Second</h2><p class="soft">Words with a <a href="#">link</a>, <code>code</code> and <strong>weight</strong>.</p>
  <ul class="flex gap-1"><li>one</li><li>two</li></ul>
  <div class="card grid gap-3 p-3"><dl><dt>Name</dt><dd>Value</dd></dl><span class="badge text-good">COMPLETED</span></div>
  <form class="grid gap-3"><div class="field"><label for="f">Field</label><input id="f" placeholder="all" /></div>
    <select><option>all</option></select><textarea>{}</textarea><input type="checkbox" /><button type="submit" class="button primary">Find</button></form>
  <table><thead><tr><th>Job</th></tr></thead><tbody><tr><th>1</th><td class="number">2</td></tr></tbody></table>
  <pre>{}</pre><details><summary>More</summary>text</details><progress max="1" value="0.5"></progress>
  <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor"><rect width="8" height="8" fill="red" /></svg>`;

interface Look {
  readonly element: string;
  readonly properties: Readonly<Record<string, string>>;
}

/** In lines that can be read: a page has some 20,000 values. */
function differences(expected: readonly Look[], found: readonly Look[]): string[] {
  if (expected.length !== found.length) return [`${found.length} elements, not ${expected.length}`];
  return expected.flatMap(({ element, properties }, n) => {
    const others = found[n]?.properties ?? {};
    const names = new Set([...Object.keys(properties), ...Object.keys(others)]);
    return [...names]
      .filter((name) => properties[name] !== others[name])
      .map((name) => `${element} ${name}: ${properties[name]} became ${others[name]}`);
  });
}

takeTurns();

describe.skipIf(CHROMIUM === null)(`the console’s stylesheet${SKIPPED}`, () => {
  let css: string;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    await promisify(execFile)('npm', ['run', '--silent', 'build', '--workspace', '@conversure/jobqueue-console']);
    css = await readFile('packages/console/dist/styles.css', 'utf8');
    browser = await launch();
    page = await browser.newPage();
  }, 120_000);
  afterAll(() => browser?.close());

  /** Every computed property of every element below `root`. */
  async function looks(styles: string, body: string, root: string): Promise<Look[]> {
    await page.setContent(`<!doctype html><html><head><style>${styles}</style></head><body>${body}</body></html>`);
    return page.evaluate((selector) => {
      const elements = [...document.querySelectorAll(`${selector}, ${selector} *`)];
      return elements
        .filter(({ tagName }) => !/^(HEAD|STYLE)$/.test(tagName))
        .map((element) => {
          const computed = getComputedStyle(element);
          const properties = [...computed].map((name) => [name, computed.getPropertyValue(name)] as const);
          return { element: element.tagName, properties: Object.fromEntries(properties) };
        });
    }, root);
  }

  const console_ = `<div class="jobqueue-console" style="width: 800px; height: 900px">${CONTENT}</div>`;

  test.each(['before', 'after'])('leaves a page of the app as it is, loaded %s the app’s own', async (order) => {
    const both = order === 'before' ? css + HOST_CSS : HOST_CSS + css;
    const body = `<main>${CONTENT}</main>`;
    const alone = await looks(HOST_CSS, body, 'html');
    expect(alone.length).toBeGreaterThan(30);
    expect(differences(alone, await looks(both, body, 'html'))).toEqual([]);
    // beside the console itself, too: it holds its place, and nothing else
    const place = `${body}<div style="width: 800px; height: 900px"></div>`;
    const besides = await looks(HOST_CSS, place, 'main');
    expect(differences(besides, await looks(both, body + console_, 'main'))).toEqual([]);
  });

  test.each(['before', 'after'])('looks the same in an app with rules of its own, loaded %s them', async (order) => {
    const alone = await looks(css, console_, '.jobqueue-console');
    expect(alone.length).toBeGreaterThan(30);
    expect(alone.find(({ element }) => element === 'H1')?.properties['font-size']).toBe('18.9px');
    const hosted = await looks(order === 'before' ? css + HOST_CSS : HOST_CSS + css, console_, '.jobqueue-console');
    expect(differences(alone, hosted)).toEqual([]);
  });

  test('begins each selector with the console’s own root, and names no animation as others do', () => {
    const rules = css.replace(/\/\*.*?\*\//gs, '').replace(/@keyframes [^{]*\{(?:[^{}]*\{[^}]*\})*\s*\}/g, '');
    const selectors = [...rules.matchAll(/(?:^|[{};])\s*([^{};@]+)\{/g)].map(([, selector = '']) => selector);
    expect(selectors.length).toBeGreaterThan(200);
    expect(selectors.filter((selector) => !selector.includes('.jobqueue-console'))).toEqual([]);
    expect(css).not.toMatch(/@(layer|property|font-face)/);
    for (const [, name] of css.matchAll(/@keyframes ([\w-]+)/g)) expect(name).toMatch(/^jobqueue-/);
  });
});
