curl -G {origin}/v1/charges \
  -u "$STRIPE_API_KEY:" \
  -H "Stripe-Version: 2024-06-20" \
  -d limit=100 \
  -d "created[gte]"=1704067200 \
  -d "created[lt]"=1706745600
