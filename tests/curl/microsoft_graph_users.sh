curl '{origin}/v1.0/users?$top=999&$select=id,displayName,userPrincipalName,mail,accountEnabled,createdDateTime' \
  -H "Authorization: Bearer $ACCESS_TOKEN"
