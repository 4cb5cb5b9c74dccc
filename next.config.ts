/** Configures Next.js. `/api` belongs to the functions in api/, see `app/api/route.local.ts`. */
import type { NextConfig } from 'next';
import { EDGE_LIMITS } from './lib/config.ts';

/** Loaded by Node.js as they are: for the API's first answer, `next dev` then computes 9 s instead of 14. A build bundles what it uses of them. */
const NOT_BUNDLED_IN_DEVELOPMENT = [
  '@ai-sdk/google',
  '@ai-sdk/openai',
  '@ai-sdk/openai-compatible',
  '@neondatabase/serverless',
  'ai',
  'csv-parse',
  'drizzle-orm',
  'iconv-lite',
  'libphonenumber-js',
  'undici',
  'zod',
];

const config: NextConfig = {
  agentRules: false, // else `next dev` writes files of its own into the repository
  poweredByHeader: false,
  images: { unoptimized: true }, // the app resizes none, and scripts/no-sharp stands for what would
  serverExternalPackages: process.env.NODE_ENV === 'development' ? NOT_BUNDLED_IN_DEVELOPMENT : [],
  // On the platform api/ answers /api/*; only a self-hosted app needs the route that dispatches there.
  pageExtensions: process.env.VERCEL ? ['tsx', 'ts'] : ['tsx', 'ts', 'local.ts'],
  // The tests build the app too; `npm run check` has checked the types by then.
  // Next.js sees the package as an install of it: its build, by its exports. tsconfig.json leads editors and checks to its source.
  typescript: {
    tsconfigPath: 'tsconfig.next.json',
    ignoreBuildErrors: process.env.JOBQUEUE_BUILD_SKIPS_TYPES === '1',
  },
  // A worker's file is traced with its whole package: its tests and benchmarks run nowhere.
  outputFileTracingExcludes: {
    '/*': ['node_modules/{sonic-boom,thread-stream}/test/**', 'node_modules/{sonic-boom,thread-stream}/bench.js'],
  },
  experimental: {
    serverActions: { bodySizeLimit: EDGE_LIMITS.formBytes },
  },
  // One route without parameters: in development Next.js starts a process for every request of one with parameters.
  rewrites: async () => (process.env.VERCEL ? [] : [{ source: '/api/:path+', destination: '/api' }]),
  headers: async () => [
    {
      source: '/((?!api/).*)',
      headers: [
        { key: 'X-Content-Type-Options', value: 'nosniff' },
        { key: 'X-Frame-Options', value: 'DENY' },
        { key: 'Referrer-Policy', value: 'same-origin' },
        { key: 'Strict-Transport-Security', value: 'max-age=63072000' },
        { key: 'Permissions-Policy', value: 'camera=(), geolocation=(), microphone=()' },
      ],
    },
  ],
};

export default config;
