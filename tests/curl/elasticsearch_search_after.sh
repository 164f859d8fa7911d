curl -X POST "{origin}/my-index/_search" -H "Authorization: ApiKey $ELASTIC_API_KEY" \
  -H 'Content-Type: application/json' -d'
{
  "size": 50,
  "track_total_hits": false,
  "query": { "range": { "@timestamp": { "gte": "2024-01-01T00:00:00Z", "lt": "2024-02-01T00:00:00Z" } } },
  "sort": [
    { "@timestamp": { "order": "asc", "format": "strict_date_optional_time_nanos" } },
    { "event.id": "asc" }
  ]
}
'
