curl "{origin}/v1/occurrence/search?taxonKey=2435099&year=2021&offset=0&limit=300"
