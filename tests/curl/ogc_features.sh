curl '{origin}/collections/climate-daily/items?f=json&limit=20&datetime=2022-01-01/2022-12-31&PROVINCE_CODE=PE'
