curl "{origin}/wp-json/wc/v3/orders?status=any&orderby=id&order=asc&per_page=100&page=1&dates_are_gmt=true&modified_after=2010-01-01T00:00:00" \
	-u "$WOO_KEY:$WOO_SECRET"
