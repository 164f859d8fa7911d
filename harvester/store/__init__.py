"""Makes bytes durable, in order: parts, journal, manifest, and the names of all files."""

from typing import TYPE_CHECKING

from harvester.on_demand import names_of

if TYPE_CHECKING:
    from harvester.store.checkpoint import (
        Checkpoint,
    )
    from harvester.store.contract import (
        Store,
        Survey,
        Writer,
    )
    from harvester.store.counting import (
        Span,
        checkpoint_of,
        entries_in,
        span_of,
    )
    from harvester.store.entries import (
        ACCEPTED,
        CAPPED,
        JOB_ASKED,
        JOB_EMPTY,
        JOB_MADE,
        JOB_NOT_MADE,
        JOB_READY,
        LED,
        LIST_FROM,
        REDONE,
        RESTARTED,
        SPLIT,
        Entry,
        Header,
        Identity,
        encode,
        parsed,
        sound,
    )
    from harvester.store.in_flight import (
        read_mark,
    )
    from harvester.store.inside import (
        TOKENS,
        TOKENS_LOCK,
        is_file,
        opened,
        reading,
        refuse_detours,
    )
    from harvester.store.journal import (
        Journal,
    )
    from harvester.store.journal_lines import (
        JOURNAL,
        has_generation,
        read_checkpoint,
        read_entries,
        read_header,
        read_last,
        read_pages,
        span,
    )
    from harvester.store.layout import (
        place_of,
    )
    from harvester.store.local import (
        LocalStore,
        parts_on_disk,
    )
    from harvester.store.lock import (
        Held,
        Inode,
        holder,
        identity,
    )
    from harvester.store.manifest import (
        ASIDE,
        MANIFEST,
        Asked,
        Fingerprints,
        Lost,
        beside,
        locked,
        prepare,
        read_asked,
        refuse_later,
        replan,
    )
    from harvester.store.many_at_once import (
        in_turn,
    )
    from harvester.store.memory import (
        MemoryStore,
    )
    from harvester.store.object_mending import (
        FoundPart,
        ObjectMending,
    )
    from harvester.store.object_store import (
        ObjectStore,
    )
    from harvester.store.opening import (
        Place,
        store_at,
    )
    from harvester.store.parts import (
        JSON_SUFFIX,
        TEMPORARY,
        DurableFile,
        Part,
        disk_errors,
        is_raw,
        json_document,
        make_folder,
        name_anew,
        part_name,
        part_number,
        part_suffix,
        remove_temporary,
        sync_folder,
        write_all,
    )
    from harvester.store.parts_ahead import (
        fetched_ahead,
    )
    from harvester.store.readers import (
        ends_done,
        entries_of,
        folder_of,
        generations_of,
        has_end,
        header_of,
        is_done,
        is_usable,
        lines_counting,
        pages_in,
        pages_of,
        progress_of,
        split_line,
    )
    from harvester.store.sharing import (
        Fenced,
        Overtaken,
        PartitionBusy,
    )
    from harvester.store.stored_pages import (
        decoded,
        decoded_chunks,
    )

from harvester.store.lock import NAME as LOCK

__all__ = [
    "ACCEPTED",
    "ASIDE",
    "CAPPED",
    "JOB_ASKED",
    "JOB_EMPTY",
    "JOB_MADE",
    "JOB_NOT_MADE",
    "JOB_READY",
    "JOURNAL",
    "JSON_SUFFIX",
    "LED",
    "LIST_FROM",
    "LOCK",
    "MANIFEST",
    "REDONE",
    "RESTARTED",
    "SPLIT",
    "TEMPORARY",
    "TOKENS",
    "TOKENS_LOCK",
    "Asked",
    "Checkpoint",
    "DurableFile",
    "Entry",
    "Fenced",
    "Fingerprints",
    "FoundPart",
    "Header",
    "Held",
    "Identity",
    "Inode",
    "Journal",
    "LocalStore",
    "Lost",
    "MemoryStore",
    "ObjectMending",
    "ObjectStore",
    "Overtaken",
    "Part",
    "PartitionBusy",
    "Place",
    "Span",
    "Store",
    "Survey",
    "Writer",
    "beside",
    "checkpoint_of",
    "decoded",
    "decoded_chunks",
    "disk_errors",
    "encode",
    "ends_done",
    "entries_in",
    "entries_of",
    "fetched_ahead",
    "folder_of",
    "generations_of",
    "has_end",
    "has_generation",
    "header_of",
    "holder",
    "identity",
    "in_turn",
    "is_done",
    "is_file",
    "is_raw",
    "is_usable",
    "json_document",
    "lines_counting",
    "locked",
    "make_folder",
    "name_anew",
    "opened",
    "pages_in",
    "pages_of",
    "parsed",
    "part_name",
    "part_number",
    "part_suffix",
    "parts_on_disk",
    "place_of",
    "prepare",
    "progress_of",
    "read_asked",
    "read_checkpoint",
    "read_entries",
    "read_header",
    "read_last",
    "read_mark",
    "read_pages",
    "reading",
    "refuse_detours",
    "refuse_later",
    "remove_temporary",
    "replan",
    "sound",
    "span",
    "span_of",
    "split_line",
    "store_at",
    "sync_folder",
    "write_all",
]


__getattr__ = names_of(
    __name__,
    {
        "checkpoint": "Checkpoint",
        "contract": "Store Survey Writer",
        "counting": "Span checkpoint_of entries_in span_of",
        "entries": "ACCEPTED CAPPED JOB_ASKED JOB_EMPTY JOB_MADE JOB_NOT_MADE JOB_READY LED "
        "LIST_FROM REDONE RESTARTED SPLIT Entry Header Identity encode parsed sound",
        "in_flight": "read_mark",
        "inside": "TOKENS TOKENS_LOCK is_file opened reading refuse_detours",
        "journal": "Journal",
        "journal_lines": "JOURNAL has_generation read_checkpoint read_entries read_header "
        "read_last read_pages span",
        "layout": "place_of",
        "local": "LocalStore parts_on_disk",
        "lock": "Held Inode holder identity",
        "manifest": "ASIDE MANIFEST Asked Fingerprints Lost beside locked prepare "
        "read_asked refuse_later replan",
        "memory": "MemoryStore",
        "object_mending": "FoundPart ObjectMending",
        "object_store": "ObjectStore",
        "opening": "Place store_at",
        "parts": "JSON_SUFFIX TEMPORARY DurableFile Part disk_errors is_raw json_document "
        "make_folder name_anew part_name part_number part_suffix "
        "remove_temporary sync_folder write_all",
        "many_at_once": "in_turn",
        "parts_ahead": "fetched_ahead",
        "read_ahead": "ReadAhead",
        "readers": "ends_done entries_of folder_of generations_of has_end header_of is_done "
        "is_usable lines_counting pages_in pages_of progress_of split_line",
        "sharing": "Fenced Overtaken PartitionBusy",
        "stored_pages": "decoded decoded_chunks",
    },
)
