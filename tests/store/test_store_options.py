"""The way to an object store: endpoints, regions and profiles, as they are written and as not."""

import json
import sys
from pathlib import Path

import pytest

from harvester.errors import ConfigError
from harvester.store.aws_profile import Profile, profile_of
from harvester.store.bucket import Bucket
from harvester.store.store_options import s3_options

_VARIABLES = (
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_REGION", "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONFIG_FILE",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("AWS_ENDPOINT_URL", "nonsense", "AWS_ENDPOINT_URL is no address"),
        ("AWS_ENDPOINT_URL_S3", "ftp://h", "AWS_ENDPOINT_URL_S3 is no address"),
        ("AWS_ENDPOINT_URL", "https://h o", "is no address"),
        ("AWS_ENDPOINT_URL", "https://u:hush@h", "holds more than an address"),
        ("AWS_ENDPOINT_URL", "https://h?sig=hush", "holds more than an address"),
        ("AWS_ENDPOINT_URL", "https://h/bkt/", "ends in the bucket"),
        ("AWS_REGION", "eu west", "AWS_REGION 'eu west' is no region"),
        ("AWS_PROFILE", "gone", "AWS_PROFILE names gone"),
    ],
)
def test_what_is_no_way(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    """Refused by its name, before the library panics, and without what may be a secret."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        Bucket("s3://bkt/x")
    assert told in str(refused.value)
    assert "hush" not in str(refused.value)


def test_an_empty_endpoint_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with Amazon's own tools."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "")
    found = s3_options("bkt", {}, Profile(region="eu-north-1"), "s3://bkt")
    assert found["endpoint"] == "https://s3.eu-north-1.amazonaws.com"


def test_the_bucket_before_the_host() -> None:
    """`path_style: false`: the library would leave the bucket out of an endpoint of one's own."""
    options = {"virtual_hosted_style_request": "true", "endpoint": "https://s3.example.org:9000"}
    found = s3_options("bkt", options, Profile(), "s3://bkt")
    assert found["endpoint"] == "https://bkt.s3.example.org:9000"
    assert s3_options("bkt", found, Profile(), "s3://bkt")["endpoint"] == found["endpoint"]
    with pytest.raises(ConfigError, match="path_style: false"):
        s3_options("bkt", {**options, "endpoint": "http://127.0.0.1"}, Profile(), "s3://bkt")


def test_a_name_that_no_bucket_has() -> None:
    """A request cannot be made of it."""
    with pytest.raises(ConfigError, match="'a b' is no name of a bucket"):
        Bucket("s3://a b/x")


def test_a_key_that_is_too_long() -> None:
    """1,024 bytes, in every store."""
    bucket = Bucket("memory://long/" + "z" * 1000)
    assert len(bucket.key("y" * 23)) == 1024
    with pytest.raises(ConfigError, match="would have a key of 1,025 bytes"):
        bucket.key("y" * 24)


def test_keys_of_a_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of the files as they are when they are asked for: a tool may renew them there."""
    file, config = tmp_path / ".aws" / "credentials", tmp_path / ".aws" / "config"
    file.parent.mkdir()
    text = "[default]\naws_access_key_id = A\naws_secret_access_key = 1\n"
    file.write_text(f"{text}[lab]\naws_access_key_id = B\naws_secret_access_key = 2%x\n")
    config.write_text("[profile lab]\nregion = eu-north-1\n")
    first = profile_of({}, "s3://b").credentials
    assert first is not None
    assert first()["access_key_id"] == "A"
    monkeypatch.setenv("AWS_PROFILE", "lab")
    found = profile_of({}, "s3://b")
    assert found.credentials is not None
    assert (found.region, found.credentials()["secret_access_key"]) == ("eu-north-1", "2%x")
    file.write_text(f"[lab]\n{text.partition(chr(10))[2]}aws_session_token = T\n")
    again = found.credentials()
    assert (again["access_key_id"], again["token"]) == ("A", "T")
    assert profile_of({"access_key_id": "Z"}, "s3://b").credentials is None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "Y")
    assert profile_of({}, "s3://b").credentials is None


def test_keys_of_a_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And a program that gives none, or a file that is none, says so by the name of the profile."""
    pytest.importorskip("botocore")
    told = json.dumps({"Version": 1, "AccessKeyId": "P", "SecretAccessKey": "hush"})
    (tmp_path / "keys.json").write_text(told)
    show = f"{sys.executable} -c 'print(open(\"{tmp_path}/keys.json\").read())'"
    config = tmp_path / ".aws" / "config"
    config.parent.mkdir()
    config.write_text(f"[profile tool]\ncredential_process = {show}\n")
    monkeypatch.setenv("AWS_PROFILE", "tool")
    keys = profile_of({}, "s3://b").credentials
    assert keys is not None
    assert keys()["access_key_id"] == "P"
    (tmp_path / "keys.json").write_text("hush")
    with pytest.raises(ConfigError, match="the profile tool gives no credentials") as refused:
        profile_of({}, "s3://b")
    config.write_text("aws_secret_access_key = hush\n")
    with pytest.raises(ConfigError, match="is no file of profiles") as broken:
        profile_of({}, "s3://b")
    assert "hush" not in str(refused.value) + str(broken.value)
