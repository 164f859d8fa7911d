"""Lichess: https://lichess.org/api#tag/Games/operation/apiGamesUser, JSON Lines."""

import json
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

SIZES = {"thibault": 750, "maia1": 20}
NEWEST = 1_700_000_000_000


def _game(player: str, n: int) -> dict[str, Any]:
    return {
        "id": f"{player[:3]}{n:05}",
        "rated": n % 2 == 0,
        "createdAt": NEWEST - n * 1000,
        "players": {"white": {"user": {"name": player}}, "black": {"aiLevel": 3}},
        "moves": "e4 e5 ♔",
    }


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    assert asked.headers["authorization"] == "Bearer lip_s3cret"
    assert asked.headers["accept"] == "application/x-ndjson"
    player = asked.path.removeprefix("/api/games/user/")
    params = asked.params
    assert (params["sort"], params["moves"]) == ("dateDesc", "true")
    until = int(params.get("until", NEWEST))
    games = [_game(player, n) for n in range(sizes.get(player, 0))]
    found = [game for game in games if game["createdAt"] <= until][: int(params["max"])]
    text = "".join(json.dumps(game, ensure_ascii=False) + "\n" for game in found)
    return Answer(text=text, headers={"Content-Type": "application/x-ndjson"})


EMULATION = Emulation(
    records={"games": [_game(player, n) for player, size in SIZES.items() for n in range(size)]},
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, {}),
    failure=lambda asked: Answer({"error": "No such token"}, 401),
    failure_exit_code=3,
    env={"LICHESS_TOKEN": "lip_s3cret"},
    base_path="/api/",
)
