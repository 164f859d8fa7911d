curl -X POST "{origin}/api/stac/v1/search" -H "Content-Type: application/json" \
  -d '{"collections": ["sentinel-2-l2a"], "bbox": [5.9, 45.8, 10.5, 47.8], "datetime": "2024-01-01T00:00:00Z/2024-01-31T23:59:59.999999Z", "limit": 20}'
