curl -s "{origin}/api/v1/pods?limit=500" --header "Authorization: Bearer $KUBERNETES_TOKEN" --insecure
