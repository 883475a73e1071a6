-- Tokens that read: each sees what one account sees, no more.

alter table api_token add column account_id int references account;   -- whose sight it has; null: it only delivers
alter table api_token add column used_at timestamptz;                 -- lately, to the hour
