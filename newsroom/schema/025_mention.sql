-- Who was named in a note, until they opened the conversation.
create table mention (
  account_id int not null references account,
  message_id bigint not null references message,
  conversation_id bigint not null references conversation,
  at timestamptz not null,
  read_at timestamptz,
  primary key (message_id, account_id)
);
create index on mention (account_id, at) where read_at is null;
create index on mention (conversation_id);
