-- What somebody is still writing: per conversation, kind and person, so that it is there on any computer.
create table draft (
  conversation_id bigint not null references conversation,
  account_id int not null references account,
  kind text not null check (kind in ('answer', 'note')),
  text text not null,
  at timestamptz not null,
  primary key (conversation_id, account_id, kind)
);
create index on draft (at);
