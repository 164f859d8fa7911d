curl --request GET \
  --url '{origin}/crm/v3/objects/contacts?limit=100&properties=email%2Cfirstname%2Clastname%2Ccreatedate%2Clastmodifieddate%2Clifecyclestage&archived=false' \
  --header "authorization: Bearer $HUBSPOT_TOKEN"
