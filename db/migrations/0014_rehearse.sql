-- rehearse: runs a statement that answers one JSON value, takes back all that it wrote, and answers the value. The statement reads its
-- parameters from $1, a JSON array. What Postgres refuses is raised as it is.
--
-- So a dry run and a preview of an import meet what its real run would meet: constraints and triggers, not a copy of them. A function and
-- not a transaction that rolls back, because drivers over HTTP have none, and because the outcomes of a dry run are kept. Costs numbers of
-- identity columns.
create function rehearse(statement text, params jsonb) returns jsonb language plpgsql volatile as $$
declare
  v_answer jsonb;
begin
  execute statement into v_answer using params;
  raise exception using errcode = 'RHRSL', message = 'taken back';
exception when sqlstate 'RHRSL' then
  return v_answer; -- a variable keeps its value: only rows are taken back
end $$;
