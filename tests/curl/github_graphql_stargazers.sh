curl -H "Authorization: Bearer $GITHUB_TOKEN" -X POST -d ' \
 { \
   "query": "query($owner: String!, $name: String!, $after: String) { repository(owner: $owner, name: $name) { stargazers(first: 100, after: $after, orderBy: {field: STARRED_AT, direction: ASC}) { totalCount edges { starredAt node { id login name } } pageInfo { hasNextPage endCursor } } } }", \
   "variables": {"owner": "simonw", "name": "datasette"} \
 } \
' {origin}/graphql
