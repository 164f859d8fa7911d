curl -H "Authorization: Bearer $MASTODON_TOKEN" '{origin}/api/v1/timelines/tag/caturday?limit=40'
