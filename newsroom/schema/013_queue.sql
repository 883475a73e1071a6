-- The queue for supervisors: what became late, what was opened again, and who is away.

-- the moments that a conversation's term passed, and that a finished one came back: few among all events
create index event_became_late on event (at, conversation_id)
  where after ->> 'lateness' = '2' and coalesce(before ->> 'lateness', '0') <> '2';
create index event_reopened on event (at, conversation_id)
  where before ->> 'state' = 'closed' and after ->> 'state' in ('new', 'open', 'department', 'waiting');
create index conversation_created on conversation (created_at);
create index conversation_unexplained on conversation (id) where state = 'closed' and close_reason_id is null;

create table absence (                         -- who is away, whole days where the municipality is
  account_id int not null references account on delete cascade,
  since date not null,
  until date not null,                         -- the last day
  primary key (account_id, since),
  check (until >= since)
);
create index audit_nothing_disappears on audit (at desc, id desc) where kind = 'nothing_disappears';
