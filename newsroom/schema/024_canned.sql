-- Answers that are written once and used often. A new text is a new version; the earlier ones stay.
create table canned_answer (
  id int generated always as identity primary key,
  name text not null,                          -- what one types after the slash
  team_id int references team,                 -- null: for everybody
  owner_id int references account,             -- who keeps it right
  expires_on date,                             -- the last day that it is offered
  version int not null default 1,
  used int not null default 0,                 -- answers that were sent with it
  archived_at timestamptz
);
create unique index on canned_answer (lower(name));
create table canned_text (
  canned_id int not null references canned_answer,
  version int not null,
  body text not null,
  at timestamptz not null,
  account_id int references account,
  primary key (canned_id, version)
);
