curl \
  '{origin}/youtube/v3/search?part=snippet&type=video&order=date&q=open%20data&maxResults=50&publishedAfter=2024-01-01T00%3A00%3A00Z&publishedBefore=2024-01-07T23%3A59%3A59Z&key='$YOUTUBE_API_KEY \
  --header 'Accept: application/json' \
  --compressed
