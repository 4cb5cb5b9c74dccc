/** The first two steps: whose campaign it is, and which template it sends. Plain forms whose fields become the address. */
import { Field, Hidden } from '@conversure/jobqueue-console/ui';
import Link from 'next/link';
import type { CompanySummary } from '@/lib/companies';
import type { TemplateView } from '@/lib/templates';
import { choiceOf, PAGE } from './query';

interface ChooseCompanyProps {
  readonly unknown: string | undefined;
  readonly known: readonly CompanySummary[];
}

export function ChooseCompany({ unknown, known }: ChooseCompanyProps) {
  return (
    <form method="get" action={PAGE} className="card grid max-w-xl gap-3 p-4">
      <Field
        name="company"
        label="Company, by its id"
        error={unknown === undefined ? undefined : 'this company does not exist'}
      >
        <input
          id="field-company"
          name="company"
          list="companies"
          required
          maxLength={100}
          defaultValue={unknown?.slice(0, 100)}
        />
      </Field>
      <datalist id="companies">
        {known.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </datalist>
      <div className="flex justify-end">
        <button type="submit" className="button primary">
          Choose the template
        </button>
      </div>
    </form>
  );
}

interface ChooseTemplateProps {
  readonly company: string;
  readonly templates: readonly TemplateView[];
  /** Whose people it is for, where somebody comes from an import. */
  readonly importId: string | undefined;
}

export function ChooseTemplate({ company, templates, importId }: ChooseTemplateProps) {
  return (
    <form method="get" action={PAGE} className="card grid max-w-xl gap-3 p-4">
      <Hidden values={{ company, import: importId }} />
      <Field name="template" label={`Template of ${company}`}>
        <select id="field-template" name="template" required>
          {templates.map((template) => (
            <option key={template.id} value={choiceOf(template)}>
              {`${template.name}, ${template.language} (${template.category.toLowerCase()}${template.status === 'APPROVED' ? '' : `, ${template.status.toLowerCase()}`})`}
            </option>
          ))}
        </select>
      </Field>
      <div className="flex justify-end gap-2">
        <Link href={PAGE} className="button">
          Another company
        </Link>
        <button type="submit" className="button primary">
          Fill it in
        </button>
      </div>
    </form>
  );
}
