"""PokéAPI: https://pokeapi.co/docs/v2, as its static files answer."""

from typing import Any
from urllib.parse import unquote, urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

ROOT = "/api/v2"
PAGE = 4
#: Two forms of a kind share their species.
KINDS = ("deoxys", "mr-mime", "type-null", "flabébé", "nidoran-♀")
NAMES = [f"{kind}{form}" for kind in KINDS for form in ("", "-galar")]


def _listed(name: str) -> dict[str, str]:
    return {"name": name, "url": f"https://pokeapi.co{ROOT}/pokemon/{name}/"}


def _pokemon(name: str) -> dict[str, Any]:
    n = NAMES.index(name)
    return {
        "id": 10_001 + n,
        "name": name,
        "base_experience": None if n % 3 == 0 else 60 + n,
        "height": n,
        "is_default": not name.endswith("-galar"),
        "order": -1,
        "species": {"name": name.removesuffix("-galar"), "url": f"{ROOT}/pokemon-species/{n}/"},
        "types": [{"slot": 1, "type": {"name": "psychic", "url": f"{ROOT}/type/14/"}}],
        "weight": 608,
    }


def _species(name: str) -> dict[str, Any]:
    n = NAMES.index(name) // 2
    forms = (name, f"{name}-galar")
    return {
        "id": 386 + n,
        "name": name,
        "capture_rate": 3,
        "evolves_from_species": None,
        "flavor_text_entries": [{"flavor_text": "Un virus de l'espace\na muté.", "version": None}],
        "names": [{"language": {"name": "ja"}, "name": "デオキシス"}],
        "varieties": [{"is_default": form == name, "pokemon": {"name": form}} for form in forms],
    }


def _page(asked: Asked, names: list[str]) -> Answer:
    assert asked.method == "GET"
    kind, *rest = unquote(asked.path).removeprefix(f"{ROOT}/").split("/")
    if rest:
        assert asked.query == ()
        [name] = rest
        if name in names and kind == "pokemon":
            return Answer(_pokemon(name))
        if name in names and kind == "pokemon-species" and not name.endswith("-galar"):
            return Answer(_species(name))
        return Answer(status=404, text="Not Found")
    assert kind == "pokemon"
    assert asked.params.keys() - {"offset"} == {"limit"}
    limit, offset = int(asked.params["limit"]), int(asked.params.get("offset", 0))
    assert limit >= 1

    def link(start: int) -> str | None:
        if not 0 <= start < len(names):
            return None
        query = urlencode({"offset": start, "limit": limit})
        return f"{asked.origin}{ROOT}/pokemon?{query}"

    shown = [_listed(name) for name in names[offset : offset + limit]]
    following, before = link(offset + limit), link(offset - limit)
    return Answer({"count": len(names), "next": following, "previous": before, "results": shown})


EMULATION = Emulation(
    records={
        "list": [_listed(name) for name in NAMES],
        "pokemon": [_pokemon(name) for name in NAMES],
        "species": [_species(kind) for kind in KINDS],
    },
    answer=lambda asked: _page(asked, NAMES),
    nothing=lambda asked: _page(asked, []),
    failure=lambda asked: Answer(status=404, text="Not Found"),
    failure_exit_code=3,
    base_path=f"{ROOT}/",
    settings=(f"resources.list.params.limit={PAGE}",),
)
