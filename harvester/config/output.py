"""The sections `concurrency` and `output`: how much at once, and where to."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from harvester.config.options import Count, Section, SectionError, Text
from harvester.config.secret_text import SecretLine
from harvester.errors import ConfigError
from harvester.model import url_of


class Concurrency(Section):
    """How much is harvested at once."""

    partitions: Count = 4
    """Partitions at once."""
    pages: Annotated[int, Field(ge=1, le=64)] = 1
    """Pages of one partition that are asked for at once, where the next cursor is known
    beforehand (`page_number`, and `offset` with a `limit`); elsewhere one after the other. Where
    pages go to an object store, one is asked for while the one before is put, whatever its cursor.
    As many are asked for again after a kill."""
    processes: Annotated[int, Field(ge=1, le=256)] = 1
    """Worker processes that these partitions are divided among, for a harvest that keeps a core
    busy: as many as there are cores. They share one budget, one lock and one display. A harvest
    that waits for its server gains nothing by it."""


#: What the YAML may say of an object store, in the words of the library that speaks to it.
STORE_OPTIONS: Final = (
    "endpoint", "region", "access_key_id", "secret_access_key", "account_name", "account_key",
)  # fmt: skip


class Output(Section):
    """Where the harvest goes."""

    path: Text | None = None
    """The folder, or the URL of an object store: `s3://BUCKET/PREFIX`, `gs://…`, `az://…`. Left
    out: `data/<name>`."""
    endpoint: Text | None = None
    """Where the object store answers, if it is not that of Amazon: MinIO, R2, SeaweedFS, Ceph. Else
    `AWS_ENDPOINT_URL`. Of Azure, with the account in its path where it has no host of its own, as
    in `http://127.0.0.1:10000/devstoreaccount1`. Else `AZURE_STORAGE_ENDPOINT`."""
    region: Text | None = None
    """The region of the bucket. Else `AWS_REGION`."""
    path_style: bool = True
    """Whether the bucket stands in the path of a request, and not in the name of the host (where
    it is put before that of `endpoint`)."""
    access_key_id: SecretLine | None = None
    """Who asks the object store, as `{env.NAME}`. Else `AWS_ACCESS_KEY_ID`, a profile
    (`AWS_PROFILE`), or the role of the machine."""
    secret_access_key: SecretLine | None = None
    """The key that belongs to it, as `{env.NAME}`. Else `AWS_SECRET_ACCESS_KEY`, a profile, or
    the role of the machine."""
    account_name: Text | None = None
    """The storage account of Azure. Else `AZURE_STORAGE_ACCOUNT_NAME`, or what
    `AZURE_STORAGE_CONNECTION_STRING` says."""
    account_key: SecretLine | None = None
    """The key that belongs to it, as `{env.NAME}`. Else `AZURE_STORAGE_ACCOUNT_KEY`, the connection
    string, or the identity of the machine."""
    fsync: bool = True
    """Whether pages are forced to the disk. Off, a power cut can lose any of them, and what is left
    may be refused."""
    durability: Literal["group", "page"] = "group"
    """When. `group`: pages are kept at once, so that no kill of the process loses one, and become
    safe from a power cut in groups, behind the fetches: it costs at most the last second, and at
    most 64 pages, which are asked for again. `page`: each is safe before the next of its partition
    is asked for, as with `idempotent: false`; so none is asked for ahead."""

    @model_validator(mode="after")
    def _fits(self) -> "Output":
        if self.durability == "page" and not self.fsync:
            told = "page forces each page to the disk, and fsync: false forbids that; leave one out"
            raise SectionError([(("durability",), told)])
        try:
            url_of(self.path or "")
        except ConfigError as error:
            raise SectionError([(("path",), str(error))]) from error
        return self
