/** One gap of a template, and the name under which a campaign fills it. Pure. */

export type ParameterKind =
  | 'text'
  | 'image'
  | 'video'
  | 'document'
  | 'location'
  /** The end of a button's address. */
  | 'url'
  /** The answer that a tapped button sends. */
  | 'payload'
  | 'coupon_code';

/** As `templates.parameters` lists them, in the order in which they occur. */
export interface Parameter {
  readonly component: 'header' | 'body' | 'button';
  /** `1`, `2` … in a positional template, else the name; of other kinds than text what it is, as in `image` or `latitude`. */
  readonly name: string;
  /** The button's index, from 0. */
  readonly index?: number | undefined;
  /** Default: a text, of a button the end of its address. */
  readonly kind?: ParameterKind | undefined;
  /** The message is complete without it. */
  readonly optional?: boolean | undefined;
}

/** `body.1`, `header.image`, `button.0.1`: the name by which a campaign and a recipient fill a parameter. */
export function keyOf({ component, name, index = 0 }: Parameter): string {
  return component === 'button' ? `button.${index}.${name}` : `${component}.${name}`;
}

export function kindOf({ component, kind }: Parameter): ParameterKind {
  return kind ?? (component === 'button' ? 'url' : 'text');
}
