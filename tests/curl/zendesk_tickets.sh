curl "{origin}/api/v2/tickets?page[size]=100" \
  -v -u "$ZENDESK_EMAIL/token:$ZENDESK_API_TOKEN"
