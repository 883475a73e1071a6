-- Who works from when to when. Absence wins over a shift.
create table shift (
  id int generated always as identity primary key,
  account_id int not null references account on delete cascade,
  since timestamptz not null,
  until timestamptz not null,
  chief_from timestamptz,                      -- chef dag in this shift from here on; the latest one is it
  planned boolean not null default true,       -- not planned: somebody took over as chef dag without a shift
  check (until > since)
);
create index on shift (until, since);
