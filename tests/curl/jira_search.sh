curl -D- -H "Authorization: Bearer $JIRA_TOKEN" -X POST -H "Content-Type: application/json" \
  --data '{"jql":"project = \"ABC\" AND created >= \"2023-01-01\" AND created < \"2024-01-01\" ORDER BY created ASC, key ASC","startAt":0,"maxResults":1000,"fields":["*all"]}' \
  "{origin}/rest/api/2/search"
