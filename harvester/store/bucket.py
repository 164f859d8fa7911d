"""Speaks to an object store: each request, and each of its errors in our words.

The library is obstore, which has create-only puts and one way to speak to S3 and what is like it,
Azure, Google and memory. It repeats what may be repeated by itself. No credential is ever shown.
"""

import os
import platform
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, BinaryIO, Final, TypeVar

from harvester.errors import ConfigError, DiskError, Interrupted
from harvester.store.clients import clients_of
from harvester.store.pieces import Pieces
from harvester.values import dataclass

Got = TypeVar("Got")

_STREAMED_BYTES: Final = 1 << 16
#: The most that a store is asked to copy by itself: S3 copies 5 GB, and a slow one needs longer for
#: that than a request may take. What is larger goes through this machine.
MOST_COPIED_BYTES: Final = 2 * 10**9
_PIECE_BYTES: Final = 8 << 20
_PIECES: Final = 3  # in memory, of each object that is put so
#: So many objects are put piece by piece at a time, by whatever number of threads.
_IN_PIECES: Final = threading.BoundedSemaphore(4)
#: What stores say of a bucket or a container that is not there.
_NO_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
#: Of credentials; some stores say it with 400.
_EXPIRED: Final = ("ExpiredToken", "TokenRefreshRequired", "token is expired")
_REFUSED: Final = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken")
#: Where credentials of a machine are asked for when there are no others.
_NO_CREDENTIALS: Final = ("169.254.169.254", "169.254.170.2", "metadata.google.internal")
_SKEWED: Final = ("RequestTimeTooSkewed",)
#: Of a bucket that is elsewhere: of S3 itself, and what the library makes of its redirect.
_REGION: Final = (
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "incorrectly configured region",
)
#: What a key has at most, in bytes, in every store.
_LONGEST_KEY: Final = 1024
#: What to set where no credentials were found, by the scheme of the URL.
_CREDENTIALS: Final = {
    "gs": "GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account",
    "az": "AZURE_STORAGE_ACCOUNT_KEY, or name it in the YAML (output.account_key)",
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE), or name them in the YAML "
    "(output.access_key_id)",
}


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there: its key, its size, what tells this version of it from others."""

    key: str
    size: int
    tag: str


class Taken(Exception):
    """There is an object of that name already, or it is another version than the one meant."""


class Bucket:
    """The keys below a URL. Each method but `create` and `replace` may be called again."""

    def __init__(self, url: str, options: Mapping[str, str] | None = None) -> None:
        scheme, _, rest = url.partition("://")
        name, _, prefix = rest.strip("/").partition("/")
        if not name:
            raise ConfigError(f"{url}: names no bucket; write {scheme}://BUCKET/PREFIX")
        self.place = f"{scheme}://{name}/{prefix}".rstrip("/")
        self._bucket = f"{scheme}://{name}"
        self._prefix = prefix.strip("/")
        self._reached = self._written = False
        self.stop = threading.Event()  # once set, no further piece of an object is put
        self._hasty, self._patient = clients_of(scheme, name, options or {}, self.place)
        self._client = self._hasty  # until the store has answered, and where it is away for long

    def key(self, name: str) -> str:
        """The key of a name below the URL."""
        key = f"{self._prefix}/{name}".strip("/") if name else self._prefix
        if len(key) > _LONGEST_KEY // 4 and (size := len(key.encode())) > _LONGEST_KEY:
            raise ConfigError(
                f"{self.place}: {name[:60]}… would have a key of {size:,} bytes, and a store takes "
                f"{_LONGEST_KEY:,}; give a shorter prefix in output.path or with --out, or shorter "
                "partition values"
            )
        return key

    def create(self, name: str, data: bytes) -> Found:
        """Put an object where there is none; raises `Taken` where there is one."""
        return self._put(name, data, "create")

    def replace(self, name: str, data: bytes, tag: str | None = None) -> Found:
        """Put an object in the place of what is there; with a `tag`, of that version only."""
        return self._put(name, data, "overwrite" if tag is None else {"e_tag": tag})

    def _put(self, name: str, data: bytes, mode: Any) -> Found:
        import obstore

        def put() -> Found:
            result = obstore.put(self._client, self.key(name), data, mode=mode, use_multipart=False)
            return Found(name, len(data), str(result["e_tag"]))

        found = self._asked(put, name)
        self._written = True
        return found

    def copy_anew(self, name: str, target: str) -> None:
        """Copy an object to where there is none; raises `Taken` where there is one."""
        import obstore

        self._asked(
            lambda: obstore.copy(self._client, self.key(name), self.key(target), overwrite=False),
            target,
        )

    def copy(self, name: str, target: str, size: int) -> bool:
        """Copy an object of so many bytes in the place of what is there; False where there is no
        such object.
        """
        import obstore

        client, key, goal = self._client, self.key(name), self.key(target)

        def copy() -> bool:
            try:
                if size > MOST_COPIED_BYTES:
                    stream = obstore.get(client, key).stream(min_chunk_size=_PIECE_BYTES)
                    with obstore.open_writer(client, goal, buffer_size=_PIECE_BYTES) as writer:
                        for piece in stream:
                            self._go_on()
                            writer.write(piece)
                else:
                    obstore.copy(client, key, goal)
            except _not_found() as error:
                self._refuse_no_bucket(error)
                return False
            return True

        return self._asked(copy, target)

    def upload(self, name: str, file: BinaryIO) -> None:
        """Put what a file holds, piece by piece, in the place of what is there."""
        import obstore

        client, key = self._client, self.key(name)
        pieces: Any = Pieces(file, self._go_on)

        def upload() -> None:
            try:
                obstore.put(client, key, pieces, chunk_size=_PIECE_BYTES, max_concurrency=_PIECES)
            except OSError:  # what a piece raised, in other words
                self._go_on()
                raise

        is_large = file.seek(0, os.SEEK_END) > _PIECE_BYTES
        file.seek(0)
        with _IN_PIECES if is_large else nullcontext():
            self._asked(upload, name)

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Interrupted("interrupted")

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        import obstore

        def delete() -> None:
            try:
                obstore.delete(self._client, self.key(name))
            except _not_found():
                return

        self._asked(delete, name)

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        """The bytes of an object, or those from `start` to before `end`; None: it is not there."""
        import obstore

        def get() -> bytes | None:
            key = self.key(name)
            try:
                if start or end is not None:
                    return bytes(obstore.get_range(self._client, key, start=start, end=end))
                return bytes(obstore.get(self._client, key).bytes())
            except _not_found() as error:
                self._refuse_no_bucket(error)
                return None

        return self._asked(get, name)

    def head(self, name: str) -> Found | None:
        """What is there of a name; None: nothing."""
        import obstore

        def head() -> Found | None:
            try:
                found = obstore.head(self._client, self.key(name))
            except _not_found() as error:
                self._refuse_no_bucket(error)
                return None
            return Found(name, found["size"], str(found["e_tag"]))

        return self._asked(head, name)

    def chunks(self, name: str, size: int | None = None) -> Iterator[bytes]:
        """An object, or its first `size` bytes, as a stream. Raises FileNotFoundError."""
        import obstore

        def begin() -> Any:
            try:
                options: Any = {"range": (0, size)} if size else {}
                return obstore.get(self._client, self.key(name), options=options)
            except _not_found() as error:
                self._refuse_no_bucket(error)
                raise FileNotFoundError(2, "no such object", f"{self.place}/{name}") from error

        stream = iter(self._asked(begin, name).stream(min_chunk_size=_STREAMED_BYTES))
        if size == 0:
            return
        while chunk := self._asked(lambda: next(stream, None), name):
            yield bytes(chunk)

    def listing(self, folder: str, after: str | None = None) -> Iterator[list[Found]]:
        """The objects below a folder, in the order of their keys, from behind the name `after`: a
        list for each answer, of at most a thousand.
        """
        import obstore

        offset = self.key(after) if after is not None else None
        cut = len(self.key("")) + 1 if self._prefix else 0
        answers = iter(
            self._asked(
                lambda: obstore.list(
                    self._client, self.key(folder) or None, offset=offset, chunk_size=1000
                ),
                folder,
            )
        )
        while found := self._asked(lambda: next(answers, None), folder):
            named = (Found(each["path"][cut:], each["size"], str(each["e_tag"])) for each in found)
            # Azure is asked for what begins there (`startFrom`), and Azurite does not know that.
            if behind := [each for each in named if after is None or each.key > after]:
                yield behind

    def levels(self, folder: str) -> list[str]:
        """The names one level below a folder of what has something below it."""
        import obstore

        found = self._asked(
            lambda: obstore.list_with_delimiter(self._client, self.key(folder) or None), folder
        )
        return [path.rsplit("/", 1)[-1] for path in found["common_prefixes"]]

    def _asked(self, ask: Callable[[], Got], name: str) -> Got:
        """What a request gives; its errors as ours."""
        from obstore import exceptions

        try:
            got = ask()
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
            self._note_reached()
            raise Taken(name) from error
        except (exceptions.BaseError, OSError) as error:
            if isinstance(error, FileNotFoundError) and error.filename:
                raise
            self._client = self._hasty  # so that what is left to do ends soon
            self._refuse_no_bucket(error)
            raise self._said(error, name) from error
        self._note_reached()
        return got

    def _note_reached(self) -> None:
        self._reached = True
        self._client = self._patient

    def _refuse_no_bucket(self, error: BaseException) -> None:
        if any(word in str(error) for word in _NO_BUCKET):
            if self._written:
                raise DiskError(
                    f"{self._bucket}: the bucket has been deleted while the run was on, with all "
                    "that was in it; create it, and the same command begins anew"
                ) from error
            raise ConfigError(
                f"{self._bucket}: there is no such bucket; create it, or give another one in "
                "output.path or with --out"
            ) from error

    def _said(self, error: BaseException, name: str) -> Exception:
        """An error of the store in our words, without what it says of credentials."""
        from obstore import exceptions

        text = str(error)
        place = f"{self.place}/{name}"
        kind = type(error)
        refused = issubclass(
            kind, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError
        )
        if any(word in text for word in _SKEWED):
            on = platform.node()  # with workers, there are several machines
            why = f"the clock of this machine is wrong, says the store: set it (on {on})"
        elif any(word in text for word in _EXPIRED):
            why = "the store refuses these credentials: they have expired; renew them"
        elif refused or any(word in text for word in _REFUSED):
            refused = True
            why = (
                "the store refuses these credentials; they need the rights to list, to read and to "
                "write there"
            )
        elif issubclass(kind, exceptions.NotSupportedError) or "NotImplemented" in text:
            why = f"the store cannot do what is needed here ({_brief(text)})"
        elif any(word in text for word in _NO_CREDENTIALS):
            kind_of_url = {"gs": "gs", "az": "az", "abfs": "az"}.get(self.place.split(":")[0], "s3")
            why = f"no credentials were found: set {_CREDENTIALS[kind_of_url]}"
        elif any(word in text for word in _REGION):
            expected = re.search(r"<Region>([\w-]{1,40})</Region>", text)
            region = f" ({expected[1]})" if expected else ""
            why = (
                f"the bucket is in another region{region}, says the store: set output.region or "
                "AWS_REGION"
            )
        elif "error sending request" in text:
            why = f"the store cannot be reached: {_brief(text)}"
        else:
            why = f"the store does not answer as it should: {_brief(text)}"
        if self._written or (self._reached and not refused):
            return DiskError(
                f"{place}: {why}; every page committed so far is safe, the same command goes on"
            )
        return ConfigError(f"{place}: {why}")


def _brief(text: str) -> str:
    """The first words of what a library says, without the debug part."""
    return " ".join(text.split("\nDebug source", 1)[0].split())[:300]


def _not_found() -> tuple[type[BaseException], ...]:
    from obstore.exceptions import NotFoundError

    return (NotFoundError, FileNotFoundError)
