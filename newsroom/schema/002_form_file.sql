-- Files that a resident added to a form that is not sent yet: a day at most, then gone.

create table form_file (
  id bigint generated always as identity primary key,
  form_key text not null,                      -- the key of the form being filled in
  name text not null,
  type text not null,                          -- by its content, never the sender's word
  size int not null,
  sha256 bytea not null check (length(sha256) = 32),
  content bytea not null,
  at timestamptz not null
);
alter table form_file alter column content set storage external;
create index on form_file (form_key);
create index on form_file (at);
