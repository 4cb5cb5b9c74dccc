/** Finds fields of a section that contradict each other. Pure. */
import type { Issue } from '@conversure/jobqueue';
import type { SectionName } from './sections.ts';
import type { Values } from './setting.ts';

interface Judged {
  readonly before: Values;
  readonly after: Values;
  /** The state of each secret after the change: it is set, and it was entered now. */
  readonly secrets: Readonly<Record<string, { readonly isSet: boolean; readonly isNew: boolean }>>;
}

export function misfits(section: SectionName, judged: Judged): Issue[] {
  if (section !== 'model') return [];
  return [
    ...account(judged, { provider: 'provider', model: 'model', baseUrl: 'baseUrl', key: 'apiKey' }),
    ...account(judged, {
      provider: 'fallbackProvider',
      model: 'fallbackModel',
      baseUrl: 'fallbackBaseUrl',
      key: 'fallbackApiKey',
    }),
  ];
}

type Names = Readonly<Record<'provider' | 'model' | 'baseUrl' | 'key', string>>;

/**
 * A key belongs to the server that it was entered for. Whoever could point it at another one would read it there, so it has to be entered
 * again whenever provider or URL change.
 */
function account({ before, after, secrets }: Judged, names: Names): Issue[] {
  const { isSet, isNew } = secrets[names.key] ?? { isSet: false, isNew: false };
  const provider = after[names.provider] ?? null;
  const isMoved = [names.provider, names.baseUrl].some((name) => (before[name] ?? null) !== (after[name] ?? null));
  const issues: (Issue | false)[] = [
    isSet && provider === null && { path: names.provider, message: 'expected the provider of the key' },
    after[names.baseUrl] != null && !isSet && { path: names.key, message: 'expected a key of its own beside the URL' },
    after[names.baseUrl] != null &&
      provider === null && { path: names.provider, message: 'expected the provider of this URL' },
    after[names.model] != null &&
      provider === null && { path: names.provider, message: 'expected the provider of this model' },
    isSet &&
      !isNew &&
      isMoved && {
        path: names.key,
        message: 'provider or URL change: enter the key again, or remove it, because it must not reach another server',
      },
  ];
  return issues.filter((issue) => issue !== false);
}
