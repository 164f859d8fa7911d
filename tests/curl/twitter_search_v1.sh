curl --request GET --url '{origin}/1.1/search/tweets.json?q=from:nasa&result_type=recent&count=100' --header "authorization: Bearer $TWITTER_BEARER_TOKEN"
