"""What every auth scheme must keep, run over each of them; its sample is in `samples`."""

import copy
import pickle
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import Field

from harvester import harvest, verify
from harvester.auth.access import store_of
from harvester.auth.oauth2_login import LoginScheme
from harvester.auth.scheme import RenewableScheme, Scheme, StaticScheme
from harvester.auth.schemes import all_schemes, scheme_of
from harvester.config import (
    AUTH_OPTIONS,
    Auth,
    AuthOptions,
    Config,
    HttpDigest,
    SecretText,
    with_secrets,
)
from harvester.config import written_out as secrets_written_out
from harvester.config.load import parse_config
from harvester.config.secret_text import SecretLine, secret_options
from harvester.engine.assignment import RunSpec
from harvester.engine.events import Event
from harvester.engine.workers.frames import Values, decoded, encoded
from harvester.http.request import Credentials
from harvester.results.summary import Summary
from harvester.store import TOKENS
from tests.api_server import Answer, ApiServer, Asked
from tests.auth.samples import SAMPLES, Sample
from tests.authorization_server import Authorization

PAGES = 5


def members(wanted: Callable[[type, Sample], bool]) -> pytest.MarkDecorator:
    """Each scheme with a sample that is wanted; skipped where its library is not there."""
    return pytest.mark.parametrize(
        "member",
        [
            pytest.param(
                options,
                marks=pytest.mark.skipif(find_spec(sample.needs) is None, reason=sample.needs),
                id=options.__name__,
            )
            for options, sample in SAMPLES.items()
            if wanted(options, sample)
        ],
    )


each_member = members(lambda options, sample: True)
each_secretive = members(lambda options, sample: options is not NoneType)
each_renewable = members(lambda options, sample: sample.lets_in is None)
each_static = members(lambda options, sample: options is not NoneType and bool(sample.lets_in))

YAML = """
version: 1
name: items
client:
  base_url: ORIGIN/
  auth: AUTH
  retry: {attempts: 2, max_wait: 0.01}
  allowed_hosts: HOSTS
resources:
  - {name: items, path: items, data_selector: data, paginator: {type: json_link}}
"""


def items(asked: Asked) -> Answer:
    """A chain of pages by links, and each shows what it was asked with."""
    number = int(dict(asked.query).get("page", "1"))
    following = {"next": f"{asked.origin}/items?page={number + 1}"} if number < PAGES else {}
    return Answer({"data": [number], **following})


def configured(
    sample: Sample, origin: str, *, written_out: bool = False, hosts: str = ""
) -> Config:
    """A harvest that is let in by the sample."""
    auth = sample.written_out if written_out else sample.auth
    text = YAML.replace("AUTH", auth).replace("HOSTS", f"[{hosts}]").replace("ORIGIN", origin)
    return parse_config(text, "test.yaml", env=sample.env)


def forms(sample: Sample) -> Iterator[str]:
    """What no output may hold: whatever is marked for a secret, and what gives one away."""
    yield "s3cret"
    yield from sample.derived


def shows_no_secret(sample: Sample, *shown: Any) -> None:
    """None of these holds a secret, as it is or in its repr."""
    for each in shown:
        text = each.decode("latin-1") if isinstance(each, bytes) else f"{each!r} {each}"
        for form in forms(sample):
            assert form not in text, (form, text)


def stores_no_secret(sample: Sample, out: Path) -> None:
    """No file of a harvest does, but parts, and the one that is there to hold one."""
    for file in out.rglob("*"):
        if file.is_file() and file.name != TOKENS and not file.name.startswith("part-"):
            shows_no_secret(sample, file.read_bytes())


def harvested(
    sample: Sample, config: Config, out: Path, **options: Any
) -> tuple[Summary, list[Event]]:
    """A run, of which nothing shows or stores a secret."""
    if sample.logged_in and not (out / TOKENS).exists():
        scheme = scheme_of(config.client.auth, config.env)
        assert isinstance(scheme, LoginScheme)
        store_of(config, scheme, out).write(scheme.refresh_token(), SecretText("refresh-s3cret-0"))
    events: list[Event] = []
    summary = harvest(config, out=out, on_event=events.append, **options)
    shows_no_secret(sample, summary, *events)
    stores_no_secret(sample, out)
    return summary, events


# --- Wiring --------------------------------------------------------------------------------------


def test_each_scheme_is_wired() -> None:
    """Options, scheme and sample go together: whoever forgets one is told here."""
    options = {NoneType, *AUTH_OPTIONS}
    assert set(all_schemes()) == options
    assert set(SAMPLES) == options
    names = [get_args(each.model_fields["type"].annotation)[0] for each in AUTH_OPTIONS]
    assert len(set(names)) == len(names)


@each_member
def test_a_scheme_is_a_file(member: type) -> None:
    """And nothing else is in it."""
    scheme = all_schemes()[member]
    assert scheme.__module__.startswith("harvester.auth.schemes.")
    assert [s for s in Scheme.registered.values() if s.__module__ == scheme.__module__] == [scheme]


# --- Letting in ----------------------------------------------------------------------------------


@each_member
@pytest.mark.parametrize("written_out", [False, True])
def test_requests_are_let_in(tmp_path: Path, member: type, written_out: bool) -> None:
    """Each page comes, and nothing that is stored or told holds a secret."""
    sample = SAMPLES[member]
    with ApiServer(sample.guarded(items)) as api:
        config = configured(sample, api.origin, written_out=written_out)
        summary, _ = harvested(sample, config, tmp_path / "out")
    assert (summary.complete, summary.resources[0].records) == (True, PAGES)
    assert verify(tmp_path / "out", deep=True).ok


@each_secretive
def test_a_secret_is_shown_nowhere(member: type) -> None:
    """Neither where the configuration is shown or dumped, nor where it is pickled or copied."""
    sample = SAMPLES[member]
    config = configured(sample, "http://127.0.0.1:1", written_out=True)
    scheme = scheme_of(config.client.auth, config.env)
    shows_no_secret(sample, config, config.reference_dict(), config.client.auth, scheme)
    shows_no_secret(sample, config.model_dump(), config.model_dump_json(), pickle.dumps(config))
    granted = scheme.credentials() if isinstance(scheme, StaticScheme) else Credentials()
    shows_no_secret(sample, granted)
    copied = copy.deepcopy(config)
    assert dict(scheme_of(copied.client.auth, {}).secrets()) == dict(scheme.secrets())
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(scheme)


@each_secretive
@pytest.mark.parametrize("written_out", [False, True])
def test_a_worker_gets_secrets_apart_from_its_job(member: type, written_out: bool) -> None:
    """No byte of what is pickled for it has one; with what goes apart it has them all."""
    sample = SAMPLES[member]
    config = configured(sample, "http://127.0.0.1:1", written_out=written_out)
    spec = RunSpec(run="1", config=config, place="out", salt="2")
    sent = encoded(spec)
    shows_no_secret(sample, sent, spec)
    values = Values(config.env, list(secrets_written_out(config)))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(values)
    came, brought = decoded(sent), decoded(encoded(values))
    assert isinstance(came, RunSpec)
    assert isinstance(brought, Values)
    there = with_secrets(came.config, brought.written, brought.variables)
    found = scheme_of(there.client.auth, there.env)
    assert dict(found.secrets()) == dict(scheme_of(config.client.auth, config.env).secrets())


@each_secretive
def test_the_environment_is_in_no_pickle(member: type) -> None:
    """A configuration that was pickled is the same, and gets its variables where it runs."""
    sample = SAMPLES[member]
    config = configured(sample, "http://127.0.0.1:1")
    pickled = pickle.dumps(config)
    shows_no_secret(sample, pickled, config, config.reference_dict())
    again = pickle.loads(pickled)
    assert again == config.with_env({})
    found = scheme_of(again.client.auth, sample.env)
    assert dict(found.secrets()) == dict(scheme_of(config.client.auth, config.env).secrets())


# --- Refused -------------------------------------------------------------------------------------


@each_static
def test_static_credentials_that_are_refused_end_it(tmp_path: Path, member: type) -> None:
    """At the first refusal, though it quotes what it was shown."""
    sample = SAMPLES[member]

    def refuse(asked: Asked) -> Answer:
        return Answer({"error": [*asked.headers.values(), *dict(asked.query).values()]}, 401)

    with ApiServer(refuse) as api:
        summary, _ = harvested(sample, configured(sample, api.origin), tmp_path / "out")
        assert len(api.asked) == 1
    assert "401" in summary.failures[0].error


def test_a_challenge_is_answered_at_once(tmp_path: Path) -> None:
    """With each nonce, good for two pages, comes one request more; a wrong password is said."""
    sample = SAMPLES[HttpDigest]
    with ApiServer(sample.guarded(items)) as api:
        config = configured(sample, api.origin)
        summary, _ = harvested(sample, config, tmp_path / "out")
        assert (summary.complete, summary.resources[0].records) == (True, PAGES)
        assert len(api.asked) == summary.resources[0].requests == PAGES + 3
        wrong = config.with_env({**sample.env, "PASSWORD": "wrong-s3cret"})
        summary, _ = harvested(sample, wrong, tmp_path / "wrong")
        assert len(api.asked) == PAGES + 3 + 2
    assert "are the credentials right" in summary.failures[0].error


def test_a_challenge_of_another_kind_is_none(tmp_path: Path) -> None:
    """Nothing is sent in answer to one for a basic password, or to one without a nonce."""
    sample = SAMPLES[HttpDigest]
    for challenge in ('Basic realm="items"', 'Digest realm="items"'):
        told = {"WWW-Authenticate": challenge}
        with ApiServer(lambda asked, told=told: Answer({}, 401, told)) as api:  # type: ignore[misc]
            harvested(sample, configured(sample, api.origin), tmp_path / challenge[:5])
            assert len(api.asked) == 1


@each_renewable
def test_a_refused_token_is_renewed(tmp_path: Path, member: type) -> None:
    """Each token opens two pages here: the third request is refused, and no page is lost."""
    sample = SAMPLES[member]
    server = sample.guarded(items)
    assert isinstance(server, Authorization)
    with ApiServer(server) as api:
        summary, _ = harvested(sample, configured(sample, api.origin), tmp_path / "out")
    assert (summary.complete, summary.resources[0].records) == (True, PAGES)
    assert (server.token_requests, server.refused) == (3, 2)
    assert not server.revoked


@each_renewable
def test_what_a_token_endpoint_quotes(tmp_path: Path, member: type) -> None:
    """Its refusal ends the run with advice, and without the secrets that it throws back."""
    sample = SAMPLES[member]
    server = sample.guarded(items)
    assert isinstance(server, Authorization)
    server.trouble = lambda asked: Answer({"error": f"{asked.body!r} {asked.headers}"}, 400)
    with ApiServer(server) as api:
        summary, _ = harvested(sample, configured(sample, api.origin), tmp_path / "out")
    assert re.search("variables set|revoked|clock", summary.failures[0].error)
    assert server.token_requests == 1


@each_renewable
def test_a_rotated_token_is_durable(tmp_path: Path, member: type) -> None:
    """What the server put into the place of a configured token is what the next run sends."""
    sample = SAMPLES[member]
    server = sample.guarded(items)
    assert isinstance(server, Authorization)
    rotates = False
    with ApiServer(server) as api:
        for pages in (1, None):
            config = configured(sample, api.origin)
            scheme = scheme_of(config.client.auth, config.env)
            rotates = isinstance(scheme, RenewableScheme) and scheme.refresh_token() is not None
            summary, _ = harvested(sample, config, tmp_path / "out", max_pages=pages)
    assert summary.complete
    assert not server.revoked
    file = tmp_path / "out" / TOKENS
    assert file.exists() == rotates
    if rotates:
        assert server.refresh_token in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600


@each_secretive
def test_credentials_go_to_no_other_origin(tmp_path: Path, member: type) -> None:
    """A link to a host that is only allowed is followed without them."""
    sample = SAMPLES[member]
    with ApiServer(lambda asked: Answer({"data": [2]})) as other:

        def leads_away(asked: Asked) -> Answer:
            return Answer({"data": [1], "next": f"{other.origin}/items?page=2"})

        with ApiServer(sample.guarded(leads_away)) as api:
            hosts = other.origin.removeprefix("http://")
            config = configured(sample, api.origin, hosts=f'"{hosts}"')
            summary, _ = harvested(sample, config, tmp_path / "out")
        assert summary.complete
        (asked,) = other.asked
        shows_no_secret(sample, asked.headers, asked.target, asked.body)
        assert "authorization" not in asked.headers


# --- Half-wired schemes --------------------------------------------------------------------------


class Named(AuthOptions):
    """Options whose secret is plain text, under the name of a secret."""

    type: Literal["named"] = "named"
    client_secret: str = Field(repr=False)


class Unnamed(AuthOptions):
    """Options whose secret is plain text, under a name that says nothing."""

    type: Literal["unnamed"] = "unnamed"
    pin: str


class Right(AuthOptions):
    """Options as they should be; the second is optional, in a union."""

    type: Literal["right"] = "right"
    pin: SecretText
    other: SecretLine | None = None


def test_a_secret_that_is_no_secret_text_is_refused() -> None:
    """A scheme cannot even be made where the name gives it away."""
    with pytest.raises(TypeError, match=r"Named\.client_secret holds a secret by its name"):

        class Scheme1(StaticScheme[Named], options=Named):
            def credentials(self) -> Credentials:
                return Credentials()

    assert Named not in Scheme.registered


def test_a_secret_under_another_name_fails_the_suite() -> None:
    """What the suite looks at would show it; a `SecretText` it does not."""
    sample = Sample("")
    for dump in (repr, AuthOptions.model_dump, AuthOptions.model_dump_json, pickle.dumps):
        with pytest.raises(AssertionError, match="s3cret"):
            shows_no_secret(sample, dump(Unnamed(pin="pin-s3cret")))
        right = Right(pin=SecretText("pin-s3cret"), other=SecretText("s3cret"))
        shows_no_secret(sample, dump(right))
    assert secret_options(Right) == ("pin", "other")
    assert secret_options(Unnamed) == ()


def test_a_scheme_that_is_not_registered_fails() -> None:
    """Neither is it found, nor is the list complete."""
    with pytest.raises(KeyError):
        scheme_of(Right(pin=SecretText("x")), {})
    union = get_args(Annotated[get_args(Auth)[0] | Right, ""])[0]
    assert set(get_args(union)) - set(all_schemes()) == {Right}


def test_half_a_scheme_cannot_be_made() -> None:
    """One that forgets a method, one of no kind, and a second one for the same options."""

    class Half(RenewableScheme[Any]):
        pass

    with pytest.raises(TypeError, match=re.escape("token_request")):
        Half(None, {})  # type: ignore[abstract]
    with pytest.raises(TypeError, match="neither"):

        class OfNoKind(Scheme[Right], options=Right):
            pass

    with pytest.raises(TypeError, match="has a scheme already"):

        class Second(StaticScheme[Any], options=NoneType):
            pass

    assert Right not in Scheme.registered
