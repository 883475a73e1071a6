-- Who asks to take over a conversation that a colleague has. It stands while it is open and that colleague has it.
alter table conversation add column asked_by int references account;
