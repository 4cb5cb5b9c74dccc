/** Why the last form was refused, in fixed words: the address carries only a code, for anyone can write an address. */

const REASONS: Readonly<Record<string, string>> = {
  request_invalid: 'Some fields are missing or not what was expected.',
  payload_invalid: 'The job refused its payload.',
  encoding_missing: 'Choose the encoding in which the preview reads right.',
  not_waiting: 'This import was answered already.',
  not_undoable: 'Only an import that has ended and wrote something can be taken back.',
  import_ended: 'This import has ended.',
  file_too_large: 'The file is larger than 4 MB; send it in parts over the API.',
};

export function Refused({ code }: { code: string | string[] | undefined }) {
  if (typeof code !== 'string') return null;
  const known = Object.hasOwn(REASONS, code) ? REASONS[code] : undefined;
  return (
    <p className="refused" role="alert">
      {known ?? `This was refused (${code.replace(/[^a-z_]/g, '').slice(0, 40)}).`}
    </p>
  );
}
