curl -L -X GET '{origin}/xrpc/app.bsky.feed.searchPosts?q=nasa&sort=latest&since=2024-01-01T00:00:00Z&until=2024-01-02T00:00:00Z&limit=100' \
  -H 'Accept: application/json' \
  -H "Authorization: Bearer $ACCESS_JWT"
