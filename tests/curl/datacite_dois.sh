curl '{origin}/dois?client-id=gbif.gbif&resource-type-id=dataset&page[size]=1000&page[cursor]=1&mailto=lab@example.org'
