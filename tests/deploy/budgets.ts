/**
 * The budget of each function of a deployment: as much as it needs and some 10 % more. Whoever exceeds a budget looks at what came in, and
 * says here why it must. A package that is not named is refused, however small. Pure.
 */

export interface Budget {
  readonly function: string;
  /** Seconds; null: the plan's default. */
  readonly maxDuration: number | null;
  readonly files: number;
  readonly kilobytes: number;
  /** The packages that it may carry, whole or in part. */
  readonly packages: readonly string[];
}

/** The runtime of all functions. The project's settings choose it; `engines` allows it. */
export const RUNTIME = 'nodejs24.x';
/** The most functions that a Hobby project deploys. */
export const MOST_FUNCTIONS = 12;

const names = (text: string): readonly string[] => text.trim().split(/\s+/);

const LOG = names(`
  pino @pinojs/redact atomic-sleep on-exit-leak-free pino-std-serializers quick-format-unescaped real-require safe-stable-stringify
  sonic-boom thread-stream`);
/** Both drivers: which one is needed, the database's address says. */
const DRIVERS = names(`
  @neondatabase/serverless @vercel/functions ws pg pg-cloudflare pg-connection-string pg-int8 pg-pool pg-protocol pg-types pgpass
  postgres-array postgres-bytea postgres-date postgres-interval split2 xtend`);
/** Everything that asks the queue. */
const QUEUE = [...LOG, ...DRIVERS, ...names('ms zod')];
/** Imports, campaigns and replies. */
const HANDLERS = names(`
  ai @ai-sdk/gateway @ai-sdk/google @ai-sdk/openai @ai-sdk/openai-compatible @ai-sdk/provider @ai-sdk/provider-utils @opentelemetry/api
  @vercel/oidc chardet csv-parse eventsource-parser iconv-lite libphonenumber-js safer-buffer`);
const NEXT = names('next react styled-jsx client-only @swc/helpers @opentelemetry/api');
/** The console's tables, dialogs and charts. */
const CONSOLE = names(`
  @radix-ui/primitive @radix-ui/react-compose-refs @radix-ui/react-context @radix-ui/react-dialog @radix-ui/react-dismissable-layer
  @radix-ui/react-focus-guards @radix-ui/react-focus-scope @radix-ui/react-id @radix-ui/react-portal @radix-ui/react-presence
  @radix-ui/react-primitive @radix-ui/react-slot @radix-ui/react-use-callback-ref @radix-ui/react-use-controllable-state
  @radix-ui/react-use-effect-event @radix-ui/react-use-layout-effect @tanstack/react-store @tanstack/react-table @tanstack/store
  @tanstack/table-core @visx/axis @visx/group @visx/point @visx/scale @visx/shape @visx/text aria-hidden balanced-match classnames
  d3-array d3-color d3-format d3-interpolate d3-path d3-scale d3-shape d3-time d3-time-format get-nonce internmap
  math-expression-evaluator react-remove-scroll react-remove-scroll-bar react-style-singleton reduce-css-calc reduce-function-call tslib
  use-callback-ref use-sidecar use-sync-external-store`);
/** The layout asks the queue, and an action may start a drain in its own function (`queue.kick()`), so pages carry handlers. */
const PAGES = [...NEXT, ...QUEUE, ...HANDLERS, ...CONSOLE];

export const BUDGETS: readonly Budget[] = [
  { function: 'api/cron/drain', maxDuration: 300, files: 60, kilobytes: 3_500, packages: [...QUEUE, ...HANDLERS] },
  { function: 'api/drain', maxDuration: 300, files: 60, kilobytes: 3_500, packages: [...QUEUE, ...HANDLERS] },
  // Monitoring and enqueueing: no handler, and none of its libraries.
  { function: 'api/queue', maxDuration: 300, files: 45, kilobytes: 1_030, packages: QUEUE },
  { function: 'api/app', maxDuration: 300, files: 70, kilobytes: 3_400, packages: [...QUEUE, ...HANDLERS] },
  { function: '_middleware', maxDuration: null, files: 300, kilobytes: 1_400, packages: [...NEXT, ...LOG, 'zod'] },
  { function: '[[...path]]', maxDuration: 300, files: 560, kilobytes: 7_500, packages: PAGES },
  // The route handlers; the platform names the function after the first of them.
  { function: 'campaigns/[id]/recipients', maxDuration: null, files: 570, kilobytes: 9_800, packages: PAGES },
  { function: '_not-found', maxDuration: null, files: 440, kilobytes: 6_100, packages: PAGES },
  { function: 'icon.svg.rsc', maxDuration: null, files: 450, kilobytes: 6_500, packages: PAGES },
  { function: '_global-error.rsc', maxDuration: null, files: 450, kilobytes: 6_100, packages: PAGES },
];
