-- What the figures of the queue read of open work, without the rows themselves: among a million conversations 50,000
-- open ones lie far apart.
create index conversation_live on conversation (assignee_id, team_id)
  include (visibility, state, lateness, waiting_since, last_at) where state in ('new', 'open', 'department', 'waiting');
create index conversation_problem on conversation (problem)
  where problem <> '' and state in ('new', 'open', 'department', 'waiting');
