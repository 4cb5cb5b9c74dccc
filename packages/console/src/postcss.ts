/**
 * A PostCSS plugin that keeps the console's stylesheet inside of the console: run it after Tailwind, on `source.css`. An app needs it only
 * if screens of its own use Tailwind; all others import the prebuilt `styles.css`.
 */
import type { AtRule, Container, Plugin, Root, Rule } from 'postcss';

const ROOT = '.jobqueue-console';
/** Layers would lose to any rule of an app that stands in none. So they become steps of specificity, each one id above the last. */
const STEPS: Readonly<Record<string, string>> = {
  properties: ROOT,
  theme: ROOT,
  base: `:is(${ROOT},#_)`,
  components: `:is(${ROOT},#_ #_)`,
  utilities: `:is(${ROOT},#_ #_ #_)`,
};
/** Resets what an app's own rules set on bare elements, and on classes that share a name with ours. Drawings use attributes instead. */
const RESET = [
  `${ROOT}{all:initial;display:block;box-sizing:border-box;min-height:100dvh}`,
  `${ROOT} :not(svg,svg *){all:revert}`,
  `${ROOT} :is(svg,svg *){letter-spacing:inherit;word-spacing:inherit;text-transform:inherit}`,
].join('');
/** The size of the console's text: what `rem` means in it, whatever the app's root element says. */
const REM_PX = 14;
/** Selectors that mean the page as a whole. */
const PAGE = new Set([':root', ':host', 'html', 'body']);

/** Puts the console's root before every selector, makes its layers steps of specificity, and its lengths independent of the app. */
export default function keepInside(): Plugin {
  return {
    postcssPlugin: 'jobqueue-console',
    OnceExit(root, { parse }) {
      if (!root.source?.input.css.includes('jobqueue-console') && !mentions(root)) return; // another stylesheet of the app
      renameKeyframes(root);
      ownProperties(root);
      root.walkDecls((declaration) => {
        declaration.value = inPixels(declaration.value);
      });
      root.walkAtRules('container', (rule) => {
        rule.params = inPixels(rule.params);
      });
      root.walkRules((rule) => {
        if (isStep(rule.parent) || rule.parent?.type === 'rule') return;
        const step = STEPS[layerOf(rule)] ?? ROOT;
        rule.selectors = rule.selectors.flatMap((selector) => inRoot(selector, step));
      });
      for (let layers = layersOf(root); layers.length > 0; layers = layersOf(root))
        for (const layer of layers) layer.replaceWith(layer.nodes ?? []);
      root.prepend(parse(RESET).nodes);
    },
  };
}
keepInside.postcss = true as const;

function mentions(root: Root): boolean {
  let found = false;
  root.walkRules(/jobqueue-console/, () => {
    found = true;
  });
  return found;
}

function inRoot(selector: string, step: string): string[] {
  if (selector.includes(ROOT)) return [selector];
  if (PAGE.has(selector)) return [step];
  return selector === '*' ? [step, `${step} *`] : [`${step} ${selector}`];
}

function layersOf(root: Root): AtRule[] {
  const layers: AtRule[] = [];
  root.walkAtRules('layer', (rule) => {
    layers.push(rule);
  });
  return layers;
}

function layerOf(rule: Rule | AtRule): string {
  for (let at: Container | undefined = rule; at; at = at.parent as Container | undefined)
    if (at.type === 'atrule' && (at as AtRule).name === 'layer') return (at as AtRule).params;
  return '';
}

/** Steps of an animation are no selectors. */
function isStep(parent: Rule['parent']): boolean {
  return parent?.type === 'atrule' && (parent as AtRule).name.endsWith('keyframes');
}

function inPixels(value: string): string {
  return value.replace(/(\d*\.?\d+)rem\b/g, (_, rem: string) => `${Number((Number(rem) * REM_PX).toFixed(3))}px`);
}

/**
 * Registered properties have no scope in CSS, either. Tailwind writes their initial values a second time for browsers that know no
 * `@property`, as rules, and those have one.
 */
function ownProperties(root: Root): void {
  root.walkAtRules('property', (rule) => {
    rule.remove();
  });
  root.walkAtRules('supports', (rule) => {
    if (layerOf(rule) === 'properties') rule.replaceWith(rule.nodes ?? []);
  });
}

/** Animations have no scope in CSS: ours must not replace one of the app. */
function renameKeyframes(root: Root): void {
  const names = new Set<string>();
  root.walkAtRules(/keyframes$/, (rule) => {
    names.add(rule.params);
    rule.params = `jobqueue-${rule.params}`;
  });
  root.walkDecls(/^(animation|--animate)/, (declaration) => {
    declaration.value = declaration.value.replace(/[\w-]+/g, (word) => (names.has(word) ? `jobqueue-${word}` : word));
  });
}
