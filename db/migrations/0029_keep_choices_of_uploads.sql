-- What an upload chose, as it was sent: a request repeated under its id is compared with it. Confirmations change what counts, not this.
alter table imports add column chosen jsonb;                    -- null: an import of a release that kept none
