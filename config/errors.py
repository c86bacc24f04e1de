"""Turns what pydantic says about settings into one sentence for the person who wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

SECRET_NAMES = ("token", "secret")
EXPECTED = {
    "int_parsing": "config.expects_whole_number",
    "int_type": "config.expects_whole_number",
    "int_from_float": "config.expects_whole_number",
    "float_parsing": "config.expects_number",
    "float_type": "config.expects_number",
    "bool_parsing": "config.expects_switch",
    "bool_type": "config.expects_switch",
    "length": "config.expects_length",
    "path": "config.expects_path",
    "string_type": "config.expects_text",
    "model_type": "config.expects_section",
    "model_attributes_type": "config.expects_section",
}


class SettingsError(Exception):
    """Settings cannot be used: `key` names the sentence, `values` fill it.

    `expected` is the key of a second sentence that fills `{expected}`, where there is one.
    """

    def __init__(self, key: str, expected: str | None = None, **values: object) -> None:
        super().__init__(f"{key} {values}" if values else key)
        self.key = key
        self.expected = expected
        self.values = values


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name`."""
    known = list(known)
    return (get_close_matches(name, known, n=1, cutoff=0.0) or known)[0]


def settings_error(error: ValidationError, known: Iterable[str]) -> SettingsError:
    """The first thing wrong, as a sentence."""
    found = error.errors()[0]
    name = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return SettingsError("config.unknown_setting", name=name, nearest=nearest(name, known))
    key, values = _expected(found["type"], found.get("ctx", {}))
    return SettingsError(
        "config.wrong_value", expected=key, name=name, value=_shown(name, found["input"]), **values
    )


def _expected(kind: str, context: Mapping[str, Any]) -> tuple[str, dict[str, object]]:
    if kind == "literal_error":
        return "config.expects_one_of", {
            "choices": context["expected"].replace(" or ", ", ").replace("'", "")
        }
    if kind == "greater_than_equal":
        return "config.expects_at_least", {"least": context["ge"]}
    if kind == "less_than_equal":
        return "config.expects_at_most", {"most": context["le"]}
    if kind == "string_pattern_mismatch":
        return "config.expects_device", {}
    return EXPECTED.get(kind, "config.expects_something_else"), {}


def _shown(name: str, value: object) -> object:
    secret = any(word in name.rsplit(".", 1)[-1] for word in SECRET_NAMES)
    return "***" if secret else value
