/** Applies what a webhook tells of one template to every company of its account. */

import { NonRetryableError } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import type { z } from 'zod';
import {
  TemplateCategoryValue,
  TemplateComponentsValue,
  TemplateQualityValue,
  TemplateStatusValue,
} from '../../providers/whatsapp/events.ts';
import { applyCategory, applyQuality, applyStatus, type Named, statusOf } from '../../templates/changes.ts';

/** Answers how many templates are known by that name here. One that is not comes with the next sync. */
export async function applyTemplateEvent(
  executor: Executor,
  companies: readonly string[],
  { field, value }: { readonly field: string; readonly value: unknown },
): Promise<unknown> {
  switch (field) {
    case 'template_category_update': {
      const { new_category: category, correct_category: announced, ...its } = read(TemplateCategoryValue, field, value);
      const known = await applyCategory(executor, named(companies, its), category);
      return { known, category, ...(announced && { announced }) };
    }
    case 'message_template_quality_update': {
      const { new_quality_score: quality, ...its } = read(TemplateQualityValue, field, value);
      return { known: await applyQuality(executor, named(companies, its), quality), quality };
    }
    case 'message_template_components_update': {
      const { message_template_name: changed } = read(TemplateComponentsValue, field, value);
      await readAgain(executor, companies);
      return { changed };
    }
    default:
      return applyStatusEvent(executor, companies, read(TemplateStatusValue, field, value));
  }
}

async function applyStatusEvent(
  executor: Executor,
  companies: readonly string[],
  value: z.output<typeof TemplateStatusValue>,
): Promise<unknown> {
  const { event, reason, rejection_info: rejection, other_info: other, message_template_category: category } = value;
  const status = statusOf(event);
  if (status === null)
    throw new NonRetryableError(`expected an event of a template as Meta documents it, got '${event}'`);
  const its = named(companies, value);
  if (category) await applyCategory(executor, its, category);
  const told = rejection?.reason ?? other?.description ?? other?.title ?? (reason === 'NONE' ? null : (reason ?? null));
  return { known: await applyStatus(executor, its, { status, reason: told }), status };
}

/** The event holds only some of the components: the list has all. Many changes within ten minutes are one look. */
async function readAgain(executor: Executor, companies: readonly string[]): Promise<void> {
  await executor.execute({
    text: `
      select (jobqueue.add_job('template_sync', jsonb_build_object('companyId', $1::text),
                               idempotency_key => 'templates:' || $1 || ':' || floor(extract(epoch from now()) / 600))).id`,
    params: [companies[0]],
  });
}

function named(
  companies: readonly string[],
  { message_template_name: name, message_template_language: language }: z.output<typeof TemplateComponentsValue>,
): Named {
  return { companies, name, language };
}

function read<Schema extends z.ZodType>(schema: Schema, field: string, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.map(String).join('.');
  throw new NonRetryableError(`expected a value of '${field}' as Meta documents it, got another at '${where}'`);
}
