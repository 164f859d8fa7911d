curl -X GET "{origin}/api/v2/studies?query.cond=Crohn+Disease&pageSize=50&countTotal=true" -H "accept: application/json"
