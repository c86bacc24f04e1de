"""The twelve traps of XGLM, each with the tests that keep the worker out of it.

An index: the tests themselves stand where their subject is.
"""

from __future__ import annotations

import ast

import pytest

from tests import ROOT

HERE = ROOT / "tests"

TRAPS = {
    "1 newlines": {
        "test_encoding": [
            "test_a_run_of_line_breaks_is_one_end_token",
            "test_end_tokens_stand_in_front_and_for_a_final_line_break",
        ],
        "test_decoding": [
            "test_a_single_end_token_is_a_paragraph_break",
            "test_two_end_tokens_end_the_document",
        ],
    },
    "2 holes": {
        "test_encoding": [
            "test_what_must_never_be_sampled_is_listed",
            "test_unknown_characters_are_told_once_and_in_order",
            "test_a_text_without_anything_to_see_is_known",
        ],
        "test_decoding": ["test_controls_have_no_text"],
    },
    "3 normalisation": {
        "test_encoding": [
            "test_every_line_is_read_as_sentencepiece_reads_it",
            "test_unknown_is_judged_after_normalisation",
        ],
    },
    "4 one context, one encoding": {
        "test_encoding": [
            "test_the_published_tokenizer_marks_each_paragraph_and_no_other_joint",
            "test_spaces_at_the_end_are_not_fed",
        ],
        "test_cutting": ["test_a_cut_context_is_what_is_left_encoded_alone"],
    },
    "5 typed specials": {
        "test_encoding": ["test_a_typed_control_stays_text", "test_no_text_makes_a_control_token"],
    },
    "6 the context is a limit": {
        "test_cutting": [
            "test_the_context_is_a_limit_of_its_own",
            "test_paragraphs_are_dropped_whole",
            "test_a_long_paragraph_is_cut_between_sentences",
        ],
    },
    "7 float16": {
        "test_loader": ["test_auto_prefers_bfloat16_on_a_gpu", "test_every_tensor_has_the_asked_dtype"],
    },
    "8 attention": {},
    "9 streaming": {
        "test_decoding": [
            "test_the_stream_is_the_reference_decode",
            "test_a_character_of_several_tokens_comes_whole",
            "test_a_long_text_costs_the_same_per_token",
        ],
    },
    "10 repetition penalty": {},
    "11 what the data was": {
        "test_decoding": ["test_two_end_tokens_end_the_document"],
    },
    "12 seeds": {},
    "a tokenizer that is a dummy": {
        "test_tokenizer_loader": [
            "test_transformers_would_make_a_dummy",
            "test_sentencepiece_alone_gives_the_published_tokenizer",
            "test_a_dummy_is_refused",
        ],
    },
}
"""Trap to test module to tests. Those of the engine (6, 7, 8, 10, 12) go on in `test_traps_engine`."""

NAMED = [(module, test) for modules in TRAPS.values() for module, tests in modules.items() for test in tests]


@pytest.mark.parametrize(("module", "test"), NAMED)
def test_the_trap_has_its_test(module: str, test: str) -> None:
    """The index names tests that are there, so that none is lost by renaming."""
    parsed = ast.parse(next(HERE.rglob(f"{module}.py")).read_text(encoding="utf-8"))
    assert test in {node.name for node in parsed.body if isinstance(node, ast.FunctionDef)}
