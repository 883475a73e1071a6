-- A filter and layout of the board that somebody keeps under a name, for themselves or for everybody.
create table saved_view (
  id int generated always as identity primary key,
  account_id int not null references account,
  name text not null,
  query text not null,                         -- as in the address of the board
  shared boolean not null default false
);
create unique index on saved_view (account_id, lower(name));
create index on saved_view (id) where shared;
