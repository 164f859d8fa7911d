curl --request GET \
     --url '{origin}/api/events/?filter=greater-or-equal(datetime,2015-01-01T00:00:00Z)&sort=datetime&page[size]=200' \
     --header "Authorization: Klaviyo-API-Key $KLAVIYO_API_KEY" \
     --header 'accept: application/vnd.api+json' \
     --header 'revision: 2025-07-15'
