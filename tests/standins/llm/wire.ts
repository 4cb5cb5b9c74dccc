/** The wire formats of OpenAI and Gemini, as far as we read or write them. The stand-in's answers and vendor samples must both fit. */
import { z } from 'zod';

export const ChatRequest = z.looseObject({
  model: z.string(),
  messages: z
    .array(z.looseObject({ role: z.enum(['system', 'developer', 'user', 'assistant']), content: z.string() }))
    .min(1),
  temperature: z.number().min(0).max(2).optional(),
  max_tokens: z.int().positive().optional(),
  max_completion_tokens: z.int().positive().optional(),
  response_format: z
    .looseObject({
      type: z.enum(['text', 'json_object', 'json_schema']),
      json_schema: z.looseObject({ name: z.string(), schema: z.looseObject({}) }).optional(),
    })
    .optional(),
});

export const ChatResponse = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z
    .array(
      z.looseObject({
        index: z.int(),
        message: z.looseObject({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.string().nullish(),
        }),
        finish_reason: z.enum(['stop', 'length', 'content_filter', 'tool_calls', 'function_call']),
      }),
    )
    .min(1),
  usage: z.looseObject({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.looseObject({ cached_tokens: z.int() }).optional(),
  }),
});

export const ResponsesRequest = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.looseObject({})).min(1)]),
  max_output_tokens: z.int().min(16).optional(),
});

export const OpenAiError = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});

export const GeminiRequest = z.looseObject({
  contents: z
    .array(
      z.looseObject({
        role: z.enum(['user', 'model']).optional(),
        parts: z.array(z.looseObject({ text: z.string() })).min(1),
      }),
    )
    .min(1),
  systemInstruction: z.looseObject({ parts: z.array(z.looseObject({ text: z.string() })) }).optional(),
  generationConfig: z
    .looseObject({
      temperature: z.number().min(0).max(2).optional(),
      maxOutputTokens: z.int().positive().optional(),
      responseMimeType: z.string().optional(),
      responseSchema: z.unknown().optional(),
    })
    .optional(),
});

export const GeminiResponse = z.looseObject({
  candidates: z
    .array(
      z.looseObject({
        content: z.looseObject({ role: z.string(), parts: z.array(z.looseObject({ text: z.string() })) }).optional(),
        finishReason: z.string(),
      }),
    )
    .optional(),
  promptFeedback: z.looseObject({ blockReason: z.string() }).optional(),
  usageMetadata: z.looseObject({
    promptTokenCount: z.int(),
    candidatesTokenCount: z.int().optional(),
    totalTokenCount: z.int(),
  }),
  modelVersion: z.string(),
});

export const GeminiError = z.object({
  error: z.object({
    code: z.int(),
    message: z.string(),
    status: z.string(),
    details: z.array(z.looseObject({ '@type': z.string() })).optional(),
  }),
});
