/** Light, dark, or as the viewer's system has it: a cookie, so that the first byte is in the right colours. */

/** The cookie's name; the host's own may be called `theme`. */
export const THEME_COOKIE = 'jobqueue-theme';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export function themeOf(value: string | undefined): Theme {
  return THEMES.find((theme) => theme === value) ?? 'system';
}
