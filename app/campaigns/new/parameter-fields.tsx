/** The filling of each gap of the template: a text for all, what is known of the person, or a column of the file. */
import { PERSON_FIELDS } from '@/lib/campaigns/form';
import { keyOf, kindOf, type Parameter, type TemplateView } from '@/lib/templates';
import { type Kept, SelectField, TextField } from '../../kept-form';

const FIELD_WORDS: Readonly<Record<(typeof PERSON_FIELDS)[number], string>> = {
  name: 'the name',
  first_name: 'the first name',
  phone: 'the number',
  email: 'the e-mail address',
  source: 'the source',
  organisation: 'the organisation',
};

/** Labels of the fields, used by the list of mistakes above the form. */
export function labelsOf({ parameters }: TemplateView): Record<string, string> {
  return Object.fromEntries(parameters.map((parameter) => [`text-${keyOf(parameter)}`, wordsOf(parameter)]));
}

function wordsOf(parameter: Parameter): string {
  const { component, name, index = 0 } = parameter;
  const kind = kindOf(parameter);
  const where = component === 'button' ? `button ${index + 1}` : component;
  if (kind === 'text') return `{{${name}}} of the ${where}`;
  const what = kind === 'url' ? 'end of the address' : kind.replaceAll('_', ' ');
  return `${name === kind ? '' : `${name}, `}${what} of the ${where}`;
}

interface ParameterFieldsProps {
  readonly template: TemplateView;
  readonly kept: Kept;
  readonly columns: readonly string[];
}

export function ParameterFields({ template, kept, columns }: ParameterFieldsProps) {
  const fields = template.parameters.map((parameter) => {
    const key = keyOf(parameter);
    const kind = kindOf(parameter);
    const isText = kind === 'text';
    const choices = [
      ...(parameter.optional ? [['', 'nothing: it may be left out'] as const] : []),
      ['value', 'the same for everybody'] as const,
      ...PERSON_FIELDS.map((field) => [field, FIELD_WORDS[field]] as const),
      ['column', 'a column of the file'] as const,
    ];
    const first = parameter.optional ? '' : isText ? 'first_name' : 'value';
    return (
      <div key={key} className="grid gap-3 rounded-md border border-line p-3 sm:grid-cols-3">
        <SelectField
          name={`from-${key}`}
          label={`Fills ${wordsOf(parameter)}`}
          kept={kept}
          value={first}
          choices={choices}
        />
        <TextField
          name={`text-${key}`}
          label={isText ? 'The text, or the column' : `The ${hintOf(kind)}, or the column`}
          kept={kept}
          maxLength={1_024}
          list="columns"
        />
        <TextField name={`fallback-${key}`} label="Where the person has none" kept={kept} maxLength={1_024} />
      </div>
    );
  });
  return (
    <>
      {fields}
      <datalist id="columns">
        {columns.map((column) => (
          <option key={column}>{column}</option>
        ))}
      </datalist>
    </>
  );
}

function hintOf(kind: string): string {
  switch (kind) {
    case 'image':
    case 'video':
    case 'document':
      return `https address or Meta's id of the ${kind}`;
    case 'url':
      return 'end of the address';
    default:
      return kind.replaceAll('_', ' ');
  }
}
