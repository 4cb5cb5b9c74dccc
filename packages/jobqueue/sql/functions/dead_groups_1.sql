-- dead_groups_1: what dead_groups_2 answers, in the words of the code of the release before.
create or replace function jobqueue.dead_groups_1(filter jsonb)
returns jsonb
language sql stable
as $$ select g || jsonb_build_object('looked', g -> 'total') from jobqueue.dead_groups_2(filter) as g $$;
