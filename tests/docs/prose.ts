/** Checks texts against the rules of prose: openings of docstrings, «, for » as a conjunction, exports without a docstring. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** Words that put the subject at the end of a docstring's first sentence, or leave it out. */
const OPENING = /^(What|Of|How|Whether|Which|Where|From|By|Who|For)\b/;

/** Docstrings of a TypeScript file, without their stars, each on one line. */
export function docstringsOf(code: string): string[] {
  return [...code.matchAll(/(?<=^|\s)\/\*\*\s([\s\S]*?)\*\//g)].map(([, text = '']) =>
    text
      .replace(/^\s*\* ?/gm, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  );
}

/** True for a docstring that opens with a question word or a preposition instead of its subject. */
export function opensWithoutSubject(docstring: string): boolean {
  return OPENING.test(docstring);
}

/**
 * «, for » that may be read as «because». No parser of grammar tells the conjunction from the preposition, and neither does a
 * reader before the clause ends. So a comma before «for» is refused unless an idiom follows that holds no clause: write «because»,
 * or leave the comma out. Comments and lines of prose are joined first, because a break may come in between.
 */
export function commasBeforeFor(text: string): string[] {
  const joined = text.replace(/\n[ \t]*(?:\*(?!\/)|\/\/|--|>)?[ \t]*/g, ' ');
  return [...joined.matchAll(/[^.,;:]{0,60}, for (?!(?:example|instance|the same reason)\b)[^.,;:]{0,60}/g)].map(
    ([found]) => found.trim(),
  );
}

/** An export of a module, or a member of an exported interface, which is named `Interface.member`. */
export interface Exported {
  readonly name: string;
  /** Empty if it has no docstring. */
  readonly docstring: string;
  /** The text of its `@example`s. */
  readonly examples: readonly string[];
}

/** Exports of a module with their docstrings; re-exports are followed. Only syntax is read, of the files that declare an export. */
export function exportsOf(file: string): Exported[] {
  return statementsOf(file).flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) return reExports(file, statement);
    if (!isExported(statement)) return [];
    return namesOf(statement).flatMap((name) => [documented(name, statement), ...membersOf(name, statement)]);
  });
}

function reExports(file: string, { exportClause, moduleSpecifier }: ts.ExportDeclaration): Exported[] {
  if (!exportClause || !moduleSpecifier || !ts.isNamedExports(exportClause) || !ts.isStringLiteral(moduleSpecifier))
    throw new Error(`${file}: expected only exports of names from a module`);
  const declared = exportsOf(join(dirname(file), moduleSpecifier.text));
  return exportClause.elements.flatMap(({ name, propertyName }) => {
    const original = (propertyName ?? name).text;
    const found = declared.filter((one) => one.name.split('.')[0] === original);
    if (found.length === 0) throw new Error(`${file}: ${moduleSpecifier.text} exports no ${original}`);
    return found.map((one) => ({ ...one, name: one.name.replace(original, name.text) }));
  });
}

const parsed = new Map<string, readonly ts.Statement[]>();

function statementsOf(file: string): readonly ts.Statement[] {
  const known = parsed.get(file);
  if (known) return known;
  const { statements } = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  parsed.set(file, statements);
  return statements;
}

function isExported(statement: ts.Statement): boolean {
  return ts.canHaveModifiers(statement) && !!ts.getModifiers(statement)?.some(({ kind }) => kind === EXPORT);
}
const EXPORT = ts.SyntaxKind.ExportKeyword;

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.DeclarationStatement;
  return name ? [name.getText()] : [];
}

function membersOf(name: string, statement: ts.Statement): Exported[] {
  if (!ts.isInterfaceDeclaration(statement)) return [];
  return statement.members.map((member) => documented(`${name}.${member.name?.getText()}`, member));
}

function documented(name: string, node: ts.Node): Exported {
  const comments = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const tags = comments.flatMap(({ tags }) => tags ?? []).filter(({ tagName }) => tagName.text === 'example');
  const textOf = (comment: ts.JSDoc['comment']) => ts.getTextOfJSDocComment(comment) ?? '';
  return {
    name,
    docstring: comments.map(({ comment }) => textOf(comment)).join('\n'),
    examples: tags.map(({ comment }) => textOf(comment)),
  };
}
