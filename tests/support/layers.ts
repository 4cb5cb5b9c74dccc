/** Layers of folders: the check that every import goes to its own layer or to one below. */

/** An import: both files relative to the root of the layers. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

/**
 * The imports that go up, and the files outside all layers, a sentence each. `layers`: folders and files of the root, the lowest
 * first, each on a layer of its own: without an import upwards there is no cycle of folders either.
 */
export function layerViolations(layers: readonly string[], imports: readonly Import[]): string[] {
  const layerOf = (file: string) => layers.indexOf(file.split('/')[0] ?? file);
  const files = new Set(imports.flatMap(({ from, to }) => [from, to]));
  const homeless = [...files].filter((file) => layerOf(file) < 0).map((file) => `${file} is in no layer`);
  const upward = imports
    .filter(({ from, to }) => layerOf(from) >= 0 && layerOf(from) < layerOf(to))
    .map(({ from, to }) => `${from} imports ${to}, which is in a higher layer`);
  return [...homeless, ...upward].sort();
}
