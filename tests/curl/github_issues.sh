curl -L \
  -H "Accept: application/vnd.github+json" \
  -H "Authorization: Bearer $GITHUB_TOKEN" \
  -H "X-GitHub-Api-Version: 2022-11-28" \
  "{origin}/repos/simonw/datasette/issues?state=all&sort=created&direction=asc&per_page=100"
