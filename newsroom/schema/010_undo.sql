-- What an action changed, [before, after] by column, so that whoever did it can take it back for ten minutes.
alter table action add column undo jsonb;
