"""Says how the steps of a job are asked for and read, and what its values stand for."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from harvester.config import JOB, Config, JobCreate, JobPoll, looks_secret
from harvester.engine.job_answers import JobAnswers, step_resource
from harvester.model import Partition
from harvester.paging import Endpoint
from harvester.security import Secrets, is_secret_name


class Steps:
    """How the steps of one resource's job are asked for and read."""

    def __init__(self, config: Config, pages: Endpoint) -> None:
        """`pages` is how the pages of the resource are asked for."""
        resource = pages.resource
        job = resource.job
        if job is None:
            raise AssertionError(f"{resource.name} has no job")
        at = config.place_of(resource.name, "job")
        path_of_wait = config.client.retry.retry_after_path
        limits = config.client.limits
        of_files, download = job.download.urls_path, job.download
        in_poll = of_files if download.path is None else None
        steps: dict[str, tuple[Any, JobCreate | JobPoll | None, str | None]] = {
            "create": (job.create, job.create, None),
            "poll": (job.poll, job.poll, in_poll),
        }
        if of_files is not None and download.path is not None:
            steps["download"] = (download, None, of_files)
        self.endpoints: dict[str, Endpoint] = {}
        self.answers: dict[str, JobAnswers] = {}
        for name, (asked, step, urls_path) in steps.items():
            own = step_resource(resource, asked)
            self.endpoints[name] = replace(
                pages, resource=own, origins=replace(pages.origins, anywhere=False)
            )
            self.answers[name] = JobAnswers(
                own, limits, step, urls_path, f"{at}.{name}", path_of_wait
            )


def with_values(partition: Partition, values: Mapping[str, Any]) -> Partition:
    """A partition with what `{job.NAME}` stands for."""
    named = {f"{JOB}.{name}": value for name, value in values.items()}
    return replace(partition, included={**partition.included, JOB: None, **named})


def digest(urls: tuple[str, ...]) -> dict[str, Any]:
    """What tells a list of files from another one, without what lets one in."""
    names = "\n".join(urlsplit(url).path for url in urls)  # a host may be another the next time
    return {"count": len(urls), "sha256": hashlib.sha256(names.encode()).hexdigest()}


def hide_query(secrets: Secrets, url: str) -> None:
    """Let what a URL's query holds to let one in stand nowhere in the clear."""
    for name, value in parse_qsl(urlsplit(url).query):
        if is_secret_name(name) or looks_secret(value):
            secrets.hide(value)
