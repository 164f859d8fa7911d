curl "{origin}/works?filter=prefix:10.1371,from-pub-date:2023,until-pub-date:2023&rows=1000&mailto=lab@example.org&cursor=*"
