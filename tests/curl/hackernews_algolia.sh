curl '{origin}/api/v1/search_by_date?tags=story&numericFilters=created_at_i>=1704067200,created_at_i<1704110400&page=0&hitsPerPage=40'
