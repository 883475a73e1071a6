// Which cards a filter asks for: the same rule as Filter.matches in newsroom/board.py.

const has = (ids, id) => !ids?.length || ids.includes(id);

/** Whether facets pass a rule; 0 among teams or assignees stands for nobody. */
export function matches(rule, facets) {
  return has(rule.channels, facets.channel)
    && has(rule.teams, facets.team ?? 0)
    && has(rule.assignees, facets.assignee ?? 0)
    && (!rule.labels?.length || facets.labels.some((id) => rule.labels.includes(id)))
    && has(rule.priorities, facets.priority)
    && has(rule.lateness, facets.lateness);
}
