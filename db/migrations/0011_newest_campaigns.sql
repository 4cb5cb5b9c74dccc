-- The console lists the newest campaigns of all companies, page by page.
create index campaigns_newest on campaigns (created_at desc, id desc);
