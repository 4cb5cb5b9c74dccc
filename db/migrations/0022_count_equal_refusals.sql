-- Refusals of a remote system in one and the same way, without a success between: so many records cannot all be wrong.
create table connection_refusals (
  company_id text not null references companies (id) on delete cascade,
  provider   text not null,
  kind       text not null,                                     -- what was asked, as in crm.item.add
  refused_as text not null,                                     -- code and words
  records    text[] not null,                                   -- refused in this way, the newest first; 500 at most
  fresh      int not null,                                      -- how many of them in a row, since the last success or resume
  refused_at timestamptz not null default now(),
  primary key (company_id, provider, kind, refused_as)
);
