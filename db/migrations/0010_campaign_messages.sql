-- fill_template: the text that a person read. Gaps are {{1}} or {{name}}, texts {'body.1': …} as recipients keep them. A text that
-- looks like a gap itself stays as it is.
create function fill_template(body text, texts jsonb) returns text language sql immutable as $$
  select string_agg(piece || coalesce(texts ->> ('body.' || gap), ''), '' order by n)
  from unnest(
    regexp_split_to_array(body, '\{\{\s*\w+\s*\}\}'),
    array(select m[1] from regexp_matches(body, '\{\{\s*(\w+)\s*\}\}', 'g') as m)
  ) with ordinality as t(piece, gap, n)
$$;
