-- error_shape_1 and fingerprint_1: what makes two failures the same. Of the last error its name, its code, and its message without what
-- differs from job to job: numbers (not those of names, as in Bitrix24), uuids and other long marks become «#». A dead letter keeps it (set_fingerprint);
-- it is a criterion of dead_2, and what dead_groups_2 groups by. Changed, it counts for those that die from then on.
create or replace function jobqueue.error_shape_1(errors jsonb)
returns text
language sql immutable parallel safe
as $$
  select regexp_replace(
           regexp_replace(left(errors -> -1 ->> 'message', 300), '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{12,}', '#', 'g'),
           '(?<![A-Za-z0-9])[0-9]+([.,:][0-9]+)*', '#', 'g')
$$;

create or replace function jobqueue.fingerprint_1(errors jsonb)
returns text
language sql immutable parallel safe
as $$
  select md5(concat_ws(chr(31), errors -> -1 ->> 'name', errors -> -1 ->> 'code', jobqueue.error_shape_1(errors)))
$$;
