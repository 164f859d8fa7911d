curl -H "Authorization: Bearer $REDDIT_TOKEN" -A "linux:org.example.lab:v1.0 (by /u/your-name)" '{origin}/r/datascience/new?limit=100&raw_json=1'
