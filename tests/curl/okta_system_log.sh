curl -v -X GET \
  -H "Accept: application/json" \
  -H "Authorization: SSWS $OKTA_TOKEN" \
  "{origin}/api/v1/logs?since=2026-09-01T00:00:00Z&until=2026-10-01T00:00:00Z&sortOrder=ASCENDING&limit=100"
