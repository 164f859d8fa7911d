curl -X GET -H "Authorization: Bearer $SLACK_TOKEN" -H 'Content-type: application/x-www-form-urlencoded' \
'{origin}/api/conversations.list?types=public_channel&exclude_archived=false&limit=3'
