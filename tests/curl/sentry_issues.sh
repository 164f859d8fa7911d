curl "{origin}/api/0/organizations/acme/issues/?query=&sort=new&statsPeriod=14d&limit=100" \
  -H "Authorization: Bearer $SENTRY_TOKEN"
