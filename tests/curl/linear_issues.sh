curl \
  -X POST \
  -H "Content-Type: application/json" \
  -H "Authorization: $LINEAR_API_KEY" \
  --data '{ "query": "query($first: Int, $after: String, $since: DateTimeOrDuration!) { issues(first: $first, after: $after, orderBy: updatedAt, filter: {updatedAt: {gte: $since}}) { nodes { id title } pageInfo { hasNextPage endCursor } } }", "variables": {"first": 100, "since": "2015-01-01T00:00:00.000Z"} }' \
  {origin}/graphql
