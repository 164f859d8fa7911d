curl '{origin}/2/tweets/counts/all?query=from:nasa&start_time=2021-01-01T00:00:00Z&end_time=2022-01-01T00:00:00Z&granularity=day' -H "Authorization: Bearer $TWITTER_BEARER_TOKEN"
