curl -X GET --header 'Accept: application/json' '{origin}/europepmc/webservices/rest/search?query=DISEASE%3A%22Crohn%20disease%22&resultType=core&cursorMark=*&pageSize=40&format=json'
