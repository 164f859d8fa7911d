curl -X GET "{origin}/api/v1/documents.json?per_page=20&order=oldest&conditions%5Bpublication_date%5D%5Bgte%5D=2024-01-01&conditions%5Bpublication_date%5D%5Blte%5D=2024-01-07" -H "accept: */*"
