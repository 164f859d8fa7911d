"""xkcd: https://xkcd.com/json.html."""

import re
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

NUMBERS = range(402, 407)
HTML = {"Content-Type": "text/html"}
NOT_FOUND = Answer(status=404, headers=HTML, text="<html><title>404 Not Found</title></html>")
COMICS: dict[int, Any] = {
    number: {
        "month": "3",  # numbers are text, but for `num`
        "num": number,
        "link": "",
        "year": "2008",
        "news": "",
        "safe_title": f"Comic {number}",
        "transcript": "[[A stick figure]] {{Title text: “Ωmega”}}",
        "alt": "Ceci n'est pas une bande dessinée.",
        "img": f"https://imgs.xkcd.com/comics/{number}.png",
        "title": f"Comic {number}",
        "day": "31",
    }
    for number in NUMBERS
    if number != 404
}


def _comic(asked: Asked) -> Answer:
    assert (asked.method, asked.query) == ("GET", ())
    number = re.fullmatch(r"/([1-9][0-9]*)/info\.0\.json", asked.path)
    assert number
    comic = COMICS.get(int(number[1]))
    return Answer(comic, headers={"Content-Type": "application/json"}) if comic else NOT_FOUND


EMULATION = Emulation(
    records={"comics": list(COMICS.values())},
    answer=_comic,
    nothing=lambda asked: NOT_FOUND,
    failure=lambda asked: Answer(status=503, headers=HTML, text="<h1>Backend is unhealthy</h1>"),
    failure_exit_code=3,
    settings=(f"resources.comics.partitions.number.range=[{NUMBERS[0]}, {NUMBERS[-1]}]",),
)
