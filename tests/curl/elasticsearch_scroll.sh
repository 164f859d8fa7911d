curl -X POST "{origin}/my-index/_search?scroll=5m" -H "Authorization: ApiKey $ELASTIC_API_KEY" \
  -H 'Content-Type: application/json' -d'
{
  "size": 50,
  "slice": { "id": 0, "max": 2 },
  "sort": [ "_doc" ],
  "query": { "match_all": {} }
}
'
