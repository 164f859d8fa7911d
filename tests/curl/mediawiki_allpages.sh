curl -A "harvester ($WIKI_CONTACT)" -G {origin}/w/api.php -d action=query -d list=allpages \
  -d apnamespace=0 -d aplimit=max -d format=json -d formatversion=2 -d maxlag=5
