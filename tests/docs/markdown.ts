/** Reads documents: their code blocks, links, scripts and files. */
import { readdirSync, readFileSync } from 'node:fs';

/** Every document of the project, as paths from its root. */
export const DOCUMENTS: readonly string[] = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  'bench/README.md',
  'fixtures/SOURCES.md',
];

export interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

export function blocksOf(document: string, language: string): Block[] {
  const text = readFileSync(document, 'utf8');
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .map(({ 1: language = '', 2: code = '', index }) => ({
      language,
      text: code,
      line: text.slice(0, index).split('\n').length,
    }))
    .filter((block) => block.language === language);
}

/** Prose and tables, without what stands between fences. */
export function proseOf(document: string): string {
  return readFileSync(document, 'utf8').replace(/^```.*?^```$/gms, '');
}

/** Headings as GitHub makes anchors of them. */
export function anchorsOf(document: string): string[] {
  return [...proseOf(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
