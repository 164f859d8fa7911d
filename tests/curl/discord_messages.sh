curl "{origin}/api/v10/channels/175928847299117063/messages?limit=100" \
  -H "Authorization: Bot $DISCORD_BOT_TOKEN" \
  -H "User-Agent: DiscordBot (https://example.org/my-bot, 1.0)"
