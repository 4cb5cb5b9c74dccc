#!/usr/bin/env bash
# ai 6.0.326 with @ai-sdk/openai-compatible 2.0.92 on Node 20: the tokens of an answer whose reasoning is counted beside the completion, as xAI does.
#
# Guess:     `usage.totalTokens` is the provider's `total_tokens`, or at least all that was billed.
# Behaviour: it is the sum of prompt and completion; the 72 tokens of reasoning are in neither, so 80 billed tokens are told as 8. Only
#            `usage.raw.total_tokens` and `usage.outputTokenDetails.reasoningTokens` know of them.
#
# Output seen:
#   output 3, total 8, reasoning 72, raw total 80
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent ai@6.0.326 @ai-sdk/openai-compatible@2.0.92 zod@4.6.7 >/dev/null
cat >look.mjs <<'JS'
import { createServer } from 'node:http';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, Output } from 'ai';
import { z } from 'zod';
const usage = {
  prompt_tokens: 5,
  completion_tokens: 3,
  total_tokens: 80,
  completion_tokens_details: { reasoning_tokens: 72 },
};
const choices = [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }];
const server = createServer((_, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices, usage }));
}).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const model = createOpenAICompatible({ name: 'x', baseURL: `http://127.0.0.1:${server.address().port}` })('m');
const told = (await generateText({ model, prompt: 'Hi' })).usage;
server.close();
const seen = [told.outputTokens, told.totalTokens, told.outputTokenDetails.reasoningTokens, told.raw.total_tokens];
console.log('output %d, total %d, reasoning %d, raw total %d', ...seen);
process.exit(seen.join() === '3,8,72,80' ? 0 : 1);
JS
node look.mjs
