curl -G {origin}/services/data/v62.0/query \
  --data-urlencode "q=SELECT Id, Name, Industry, AnnualRevenue, CreatedDate, SystemModstamp FROM Account WHERE CreatedDate >= 2023-01-01T00:00:00Z AND CreatedDate < 2024-01-01T00:00:00Z ORDER BY CreatedDate, Id" \
  -H "Authorization: Bearer $SALESFORCE_ACCESS_TOKEN" -H "Sforce-Query-Options: batchSize=2000"
