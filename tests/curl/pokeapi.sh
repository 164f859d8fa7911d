curl '{origin}/api/v2/pokemon?limit=4'
