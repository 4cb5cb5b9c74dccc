#!/usr/bin/env node
// `npx jobqueue`: Node 20 cannot read TypeScript, so tsx does; all else is in cli/.
import { register } from 'tsx/esm/api';

register();
await import('../src/cli/jobqueue.ts');
