curl '{origin}/works?filter=publication_year:2023,authorships.institutions.country_code:is&per_page=100&cursor=*&'"api_key=$OPENALEX_API_KEY"
