curl -X POST '{origin}/v1/databases/00000000000000000000000000000000/query' \
  -H 'Authorization: Bearer '"$NOTION_TOKEN"'' \
  -H 'Notion-Version: 2022-06-28' \
  -H "Content-Type: application/json" \
--data '{
  "page_size": 100,
  "sorts": [ { "timestamp": "created_time", "direction": "ascending" } ]
}'
