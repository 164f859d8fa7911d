curl -X GET "{origin}/admin/api/2026-10/orders.json?status=any&limit=250&created_at_min=2025-01-01T00:00:00Z&created_at_max=2025-01-31T23:59:59Z" \
-H "X-Shopify-Access-Token: $SHOPIFY_ACCESS_TOKEN"
