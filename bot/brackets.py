"""Pure: brackets and quotation marks that open and close, paragraph by paragraph."""

from __future__ import annotations

BRACKETS = dict(zip("「『（〈《【〔［｛“([{", "」』）〉》】〕］｝”)]}", strict=True))
"""Opening brackets and what closes them. ’ is left out: it is an apostrophe as often."""

QUOTE = '"'
"""Opens where it is not open, and closes where it is."""

_CLOSERS = frozenset(BRACKETS.values())
_OTHER_WIDTH = {")": "）", "）": ")"}
_SPACES = " \u3000"


def step(stack: list[str], character: str) -> str | None:
    """Take one character into `stack`, the closers waited for, innermost last.

    Parentheses of either width close each other: the tokenizer folds them.

    Returns:
        What has to stand there for the brackets to be in order: the character itself, before it the closers
        of whatever was left open inside; None where it closes nothing.
    """
    if character == QUOTE and QUOTE not in stack:
        stack.append(QUOTE)
    elif character in BRACKETS:
        stack.append(BRACKETS[character])
    elif character in _CLOSERS or character == QUOTE:
        return _close(stack, character)
    return character


def open_brackets(text: str) -> str:
    """The closing brackets that the last paragraph of `text` still waits for, innermost last."""
    stack: list[str] = []
    for character in text[text.rfind("\n") + 1 :]:
        step(stack, character)
    return "".join(stack)


def balanced(text: str, waiting: str = "") -> str:
    """`text` whose brackets close what was opened in the same paragraph; its last one may stay open.

    What closes nothing is left out, what a paragraph leaves open is closed at its end, and a bracket that
    opens nothing but the end of a paragraph goes. Applying it twice changes nothing more.

    Args:
        text: what was written.
        waiting: closing brackets waited for at its start (see `open_brackets`).
    """
    stack = list(waiting)
    written = ""
    for character in text:
        if character == "\n":
            written = closed(written, "".join(stack)) + character
            stack.clear()
        else:
            written += step(stack, character) or ""
    return written


def closed(text: str, waiting: str) -> str:
    """`text` with all that its last paragraph waits for; what it opened last and left empty goes instead."""
    said, still = without_empty(text, waiting)
    return said + still[::-1] + text[len(text.rstrip(_SPACES)) :]


def without_empty(text: str, waiting: str) -> tuple[str, str]:
    """`text` without the brackets at its very end that it opened, and what it waits for then.

    Args:
        text: what was written.
        waiting: closing brackets waited for at its end (see `open_brackets`).
    """
    said = text.rstrip(_SPACES)
    if said and waiting and {**BRACKETS, QUOTE: QUOTE}.get(said[-1]) == waiting[-1]:
        return without_empty(said[:-1], waiting[:-1])
    return said, waiting


def _close(stack: list[str], closer: str) -> str | None:
    fitting = {closer, _OTHER_WIDTH.get(closer, closer)}
    if fitting.isdisjoint(stack):
        return None
    inner = ""
    while stack[-1] not in fitting:
        inner += stack.pop()
    stack.pop()
    return inner + closer
