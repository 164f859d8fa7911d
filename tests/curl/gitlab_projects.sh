curl --request GET --header "PRIVATE-TOKEN: $GITLAB_TOKEN" \
  --url "{origin}/api/v4/projects?topic=astronomy&pagination=keyset&order_by=id&sort=asc&per_page=100"
