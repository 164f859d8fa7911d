curl {origin}/403/info.0.json
