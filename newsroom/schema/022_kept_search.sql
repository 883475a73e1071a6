-- What somebody searched for lately, and what they keep.
create table kept_search (
  account_id int not null references account,
  words text not null,
  at timestamptz not null,
  kept boolean not null default false,
  primary key (account_id, words)
);
