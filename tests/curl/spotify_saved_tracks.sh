curl --request GET \
  --url '{origin}/v1/me/tracks?limit=50' \
  --header "Authorization: Bearer $SPOTIFY_ACCESS_TOKEN"
