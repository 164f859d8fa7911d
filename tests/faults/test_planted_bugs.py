"""The matrix of faults can fail: each planted bug turns rows red, which are green without it."""

import re
from collections.abc import Iterator

import pytest

from tests.planted_bugs import BUGS
from tests.planting import Planting

BODIES, DISK = "tests/faults/test_faults_bodies.py", "tests/faults/test_faults_disk.py"
LINKS, ANSWERS = "tests/faults/test_faults_links.py", "tests/faults/test_faults_answers.py"
HEADS = "tests/faults/test_faults_wire.py"
PAGES = "tests/faults/test_faults_pages.py"
INIT, LIVE = "tests/scaffold/test_init_detection.py", "tests/engine/test_check_live.py"
ENDS = "tests/faults/test_faults_ends.py"
AGAIN, LATER = "tests/engine/test_repetition.py", "tests/planning/test_incremental.py"
HOSTILE = "tests/faults/test_hostile.py"
FORMATS = "tests/faults/test_faults_formats.py"
FILES = "tests/faults/test_faults_files.py"
TAIL = "tests/store/test_tail.py"
CUT = "tests/slow/test_power_cut.py::test_row_41_any_moment"
LOST = f"{CUT}[group]"
#: What sees that something is not durable when it should be.
DURABLE = [
    f"{DISK}::test_row_37_write_order",
    f"{CUT}[page]",
]

#: The tests that each bug is run against, every one of which must have a case that fails.
CAUGHT_BY = {
    "journal_before_rename": DURABLE,
    "no_fsync_of_the_part": DURABLE,
    "no_fsync_of_the_folder": DURABLE,
    "no_fsync_of_the_journal": DURABLE,
    "mark_written_too_early": [LOST, f"{TAIL}::test_row_41_a_line_says_what_is_safe_by_then"],
    "checksum_not_looked_at": [LOST, f"{TAIL}::test_row_41_a_tail_with_one_page_spoilt"],
    "cut_one_line_too_late": [LOST, f"{TAIL}::test_row_41_a_tail_with_one_page_spoilt"],
    "tail_not_written_again": [f"{TAIL}::test_row_41_what_is_kept_is_written_once_more"],
    "no_end_to_the_tail": [f"{TAIL}::test_row_41_the_tail_is_bounded"],
    "torn_line_kept": [f"{DISK}::test_row_38_nul_tail"],
    "temporary_files_kept": [f"{BODIES}::test_row_01_cut", f"{BODIES}::test_row_05_gzip_damaged"],
    "failed_fsync_tried_again": [f"{DISK}::test_row_40_errors_at_a_call[a part's fsync]"],
    "lock_not_taken": [f"{DISK}::test_row_42_two_processes"],
    "link_followed_on_disk": [
        f"{FILES}::test_row_91_in_place_of_a_file_that_is_written",
        f"{FILES}::test_row_91_in_place_of_a_file_that_is_read",
    ],
    "detours_taken": [f"{FILES}::test_row_92_a_folder_that_is_a_link"],
    "folder_not_looked_at": [f"{FILES}::test_row_93_taken_away_under_a_run"],
    "part_named_over_another": [f"{FILES}::test_row_94_a_part_takes_nobodys_place"],
    "journal_believed": [f"{FILES}::test_row_95_a_journal_that_names_another_file"],
    "cases_not_told_apart": [f"{FILES}::test_row_97_whichever_comes_first"],
    "short_body_taken": [f"{BODIES}::test_row_01_cut"],
    "announced_size_believed": [f"{BODIES}::test_row_09_chunks_that_add_up"],
    "late_page_kept": [f"{BODIES}::test_row_12_watchdog_leaves_no_success"],
    "unchecked_gzip_end": [
        f"{BODIES}::test_row_04_gzip_cut", f"{BODIES}::test_row_02_cut_unnoticed_by_libraries",
        f"{BODIES}::test_row_05_gzip_damaged",
    ],
    "unchecked_gzip_crc": [f"{BODIES}::test_row_05_gzip_damaged"],
    "bomb_unchecked": [f"{BODIES}::test_row_10_gzip_bomb[zeros-200 OK]"],
    "unchecked_json_end": [
        f"{BODIES}::test_row_02_cut_unnoticed_by_libraries", f"{BODIES}::test_row_16_no_json",
    ],
    "guard_on_consecutive_cursors": [f"{DISK}::test_row_31_cycle"],
    "cursor_as_float": [f"{BODIES}::test_row_20_large_cursor"],
    "empty_page_ends": [f"{DISK}::test_row_32_empty_page_with_a_cursor"],
    "total_believed": [f"{ENDS}::test_row_45_a_total_that_is_capped"],
    "more_not_heeded": [f"{ENDS}::test_row_48_an_empty_page_in_the_middle"],
    "empty_pages_for_ever": [f"{ENDS}::test_row_49_empty_pages_for_ever"],
    "nothing_is_a_record": [f"{ENDS}::test_row_51_an_empty_list_however_it_is_written"],
    "contradictions_overlooked": [
        f"{ENDS}::test_row_53_a_total_that_is_missed",
        f"{ENDS}::test_row_54_a_page_that_speaks_of_more",
    ],
    "judged_when_fetched": [
        f"{ENDS}::test_row_56_the_end_is_the_same_however_it_is_come_to"
    ],
    "redirect_followed_anywhere": [f"{LINKS}::test_row_23_redirect_to_another_origin"],
    "link_followed_anywhere": [f"{LINKS}::test_row_22_however_the_link_is_said"],
    "environment_trusted": [f"{LINKS}::test_row_25_netrc_and_proxy"],
    "server_wait_ignored": [f"{ANSWERS}::test_row_27_retry_after"],
    "grammar_unproven": [f"{PAGES}::test_row_70_a_record_that_is_no_json"],
    "controls_dropped": [f"{PAGES}::test_row_71_raw_control_characters"],
    "open_quotes_closed": [f"{FORMATS}::test_row_110_tables_that_are_none"],
    "any_text_is_a_table": [f"{FORMATS}::test_row_112_under_a_wrong_name"],
    "entities_declared": [f"{FORMATS}::test_row_114_xml_that_is_none"],
    "odd_gzip_header_kept": [f"{PAGES}::test_row_75_an_odd_gzip_header"],
    "records_compared_whole": [
        f"{INIT}::test_row_65_a_field_that_changes_makes_no_page_another",
        f"{LIVE}::test_row_68_the_first_page_again_fails_the_look",
    ],
    "first_page_not_asked_again": [
        f"{INIT}::test_row_65_other_records_on_a_list_that_moves_prove_nothing",
    ],
    "error_page_believed": [
        f"{INIT}::test_row_66_a_second_page_that_is_an_error_proves_nothing",
    ],
    "second_page_believed": [f"{LIVE}::test_row_68_the_first_page_again_fails_the_look"],
    "broken_body_tried_on": [f"{PAGES}::test_row_72_the_same_body_twice"],
    "variables_not_compared": [
        "tests/config/test_question.py::test_row_84_a_variable_of_the_query_changes"
    ],
    "every_variable_concealed": [
        "tests/config/test_question.py::test_row_85_a_cursor_that_happens_to_hold_a_value"
    ],
    "clock_of_this_machine_believed": [
        "tests/results/test_closed.py::test_row_87_a_clock_that_ran_ahead_once"
    ],
    "future_gone_on_from": [
        "tests/planning/test_incremental.py::test_row_88_a_value_in_the_future"
    ],
    "other_type_tried_on": [f"{PAGES}::test_row_73_no_json_by_its_type"],
    "bad_line_ends_the_head": [f"{HEADS}::test_row_76_malformed_header_line"],
    "two_values_joined": [
        f"{HEADS}::test_row_77_cursor_header_twice", f"{HEADS}::test_row_77_location_twice",
    ],
    "names_of_no_coding_unknown": [f"{HEADS}::test_row_78_no_coding"],
    "token_sent_encoded": [f"{HEADS}::test_row_79_token_cut_out_of_a_url"],
    "untrusted_tried_on": [f"{HEADS}::test_row_81_certificate_not_trusted"],
    "hops_not_counted": [
        f"{HEADS}::test_row_82_redirects_count", f"{HEADS}::test_row_82_the_free_try_counts",
    ],
    "past_forgotten": [f"{HEADS}::test_row_82_a_run_begun_again"],
    "same_page_kept": [
        f"{AGAIN}::test_row_57_a_parameter_that_the_server_ignores",
        f"{AGAIN}::test_row_57_in_a_later_run", f"{AGAIN}::test_row_58_the_last_page_again",
    ],
    "records_told_apart_by_all": [f"{AGAIN}::test_row_64_a_member_that_changes_with_each_request"],
    "doubles_not_counted": [f"{AGAIN}::test_row_60_a_list_without_an_order"],
    "export_clears_by_name": [f"{FILES}::test_row_96_a_folder_that_looks_like_an_exports"],
    "secret_partitions_taken": [f"{HOSTILE}::test_row_101_a_partition_of_secrets"],
    "mended_by_any_page": ["tests/repair/test_repair.py::test_row_106_a_page_that_leads_elsewhere"],
    "start_not_compared": [f"{LATER}::test_row_63_a_start_that_the_server_ignores"],
}  # fmt: skip


@pytest.fixture(scope="module")
def planting() -> Iterator[Planting]:
    """The process that runs a test with a bug."""
    with Planting() as started:
        yield started


def test_every_bug_is_to_be_caught() -> None:
    """No bug without rows, no rows without a bug."""
    assert CAUGHT_BY.keys() == BUGS.keys()


@pytest.mark.parametrize(("bug", "test"), [(bug, test) for bug in BUGS for test in CAUGHT_BY[bug]])
def test_a_planted_bug_turns_its_rows_red(planting: Planting, bug: str, test: str) -> None:
    """One case of each of the tests named for it fails. Without a bug they are green, which the
    suite says itself, since they are part of it; `nox -s bugs` runs both.
    """
    ended = planting.run(bug, test)
    assert ended.code == pytest.ExitCode.TESTS_FAILED, ended.output
    assert not re.search(r"^ERROR ", ended.output, re.MULTILINE), ended.output
    failed = rf"^FAILED {re.escape(test)}(?=[\[\s])"
    assert re.search(failed, ended.output, re.MULTILINE), ended.output
