/** The words in which servers that speak OpenAI's chat completions refuse a form of answer or a model, each as it really does. */
import type { Answer } from '../kit/stand-in.ts';

export type AnswerForm = 'text' | 'json_object' | 'json_schema';

export interface Dialect {
  /** The server or the model knows only `forms`. */
  noForm(form: AnswerForm, forms: readonly AnswerForm[]): Answer;
  noModel(model: string): Answer;
}

const open = (
  status: number,
  message: string,
  code: string | number | null,
  type = 'invalid_request_error',
): Answer => ({
  status,
  body: { error: { message, type, param: null, code } },
});
const listed = (forms: readonly AnswerForm[], mark: string) => forms.map((form) => `${mark}${form}${mark}`);

export const DIALECTS = {
  openai: {
    noForm: (form) =>
      open(
        400,
        `Invalid parameter: 'response_format' of type '${form}' is not supported with this model. Learn more about supported models at the Structured Outputs guide: https://platform.openai.com/docs/guides/structured-outputs`,
        null,
      ),
    noModel: (model) =>
      open(404, `The model \`${model}\` does not exist or you do not have access to it.`, 'model_not_found'),
  },
  azure: {
    noForm: (form) =>
      open(
        400,
        `response_format value as ${form} is enabled only for api versions 2024-08-01-preview and later`,
        'BadRequest',
        '',
      ),
    noModel: () => ({
      status: 404,
      body: {
        error: {
          code: 'DeploymentNotFound',
          message:
            'The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.',
        },
      },
    }),
  },
  deepseek: {
    noForm: () => open(400, 'This response_format type is unavailable now', 'invalid_request_error'),
    noModel: () => open(400, 'Model Not Exist', 'invalid_request_error'),
  },
  volcengine: {
    noForm: (form, forms) => ({
      status: 400,
      body: {
        error: {
          code: 'InvalidParameter',
          message: `The parameter \`response_format.type\` specified in the request are not valid: invalid value: \`${form}\`, supported values are: ${listed(forms, '`').join(' and ')}.`,
          param: 'response_format.type',
          type: 'BadRequest',
        },
      },
    }),
    noModel: (model) => ({
      status: 404,
      body: {
        error: {
          code: 'InvalidEndpointOrModel.NotFound',
          message: `The model or endpoint ${model} does not exist or you do not have access to it.`,
          param: '',
          type: 'NotFound',
        },
      },
    }),
  },
  groq: {
    noForm: (form) =>
      open(
        400,
        `This model does not support response format \`${form}\`. See supported models at https://console.groq.com/docs/structured-outputs#supported-models`,
        null,
      ),
    noModel: (model) =>
      open(400, `The model \`${model}\` has been decommissioned and is no longer supported.`, 'model_decommissioned'),
  },
  vllm: {
    noForm: (_, forms) => ({
      status: 400,
      body: {
        object: 'error',
        message: `[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': "Input should be ${listed(forms, "'").join(' or ')}"}]`,
        type: 'BadRequestError',
        param: null,
        code: 400,
      },
    }),
    noModel: (model) => ({
      status: 404,
      body: {
        object: 'error',
        message: `The model \`${model}\` does not exist.`,
        type: 'NotFoundError',
        param: null,
        code: 404,
      },
    }),
  },
  fastapi: {
    noForm: (_, forms) => ({
      status: 422,
      body: {
        detail: [
          {
            type: 'literal_error',
            loc: ['body', 'response_format', 'type'],
            msg: `Input should be ${listed(forms, "'").join(' or ')}`,
          },
        ],
      },
    }),
    noModel: (model) => ({ status: 400, body: { detail: `Unknown model: ${model}` } }),
  },
  lmstudio: {
    noForm: (_, forms) => ({
      status: 400,
      body: { error: `'response_format.type' must be ${listed(forms, "'").join(' or ')}` },
    }),
    noModel: (model) => ({
      status: 400,
      body: { error: `Model "${model}" not found. Please specify a valid model.` },
    }),
  },
  ollama: {
    // this one ignores what it does not know
    noForm: () => ({ status: 200, body: null }),
    noModel: (model) => open(404, `model "${model}" not found, try pulling it first`, null, 'api_error'),
  },
  mistral: {
    noForm: (form) => ({
      status: 422,
      body: {
        object: 'error',
        message: { detail: [{ type: 'enum', loc: ['body', 'response_format', 'type'], input: form }] },
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    }),
    noModel: (model) => ({
      status: 400,
      body: {
        object: 'error',
        message: `Invalid model: ${model}`,
        type: 'invalid_model',
        param: null,
        code: '1500',
      },
    }),
  },
  openrouter: {
    noForm: () => ({
      status: 404,
      body: {
        error: {
          message:
            'No endpoints found that can handle the requested parameters. To learn more about provider routing, visit: https://openrouter.ai/docs/provider-routing',
          code: 404,
        },
      },
    }),
    noModel: (model) => ({ status: 400, body: { error: { message: `${model} is not a valid model ID`, code: 400 } } }),
  },
} satisfies Readonly<Record<string, Dialect>>;

export type DialectName = keyof typeof DIALECTS;
