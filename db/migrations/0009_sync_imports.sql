-- A company may want every lead that an import creates or changes in its CRM, without anybody asking.

alter table crm_settings add column sync_imports boolean not null default false;
