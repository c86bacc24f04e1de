"""Pure: brackets and quotation marks that open and close, paragraph by paragraph."""

from __future__ import annotations

BRACKETS = dict(zip("「『（〈《【〔［｛“([{", "」』）〉》】〕］｝”)]}", strict=True))
"""Opening brackets and what closes them. ’ is left out: it is an apostrophe as often."""

QUOTE = '"'
"""Opens where it is not open, and closes where it is."""

DEEPEST = 64
"""What lies deeper is forgotten: nobody writes that, and to look for it in a run of brackets takes long."""

_CLOSERS = frozenset(BRACKETS.values())
_PAIRS = {**BRACKETS, QUOTE: QUOTE}
_OTHER_WIDTH = {")": "）", "）": ")"}
_SPACES = " \u3000"


def step(stack: list[str], character: str) -> str | None:
    """Take one character into `stack`, the closers waited for, innermost last.

    Parentheses of either width close each other: the tokenizer folds them.

    Returns:
        What has to stand there for the brackets to be in order: the character itself, before it the closers
        of whatever was left open inside; None where it closes nothing.
    """
    if character == QUOTE and QUOTE not in stack[-DEEPEST:]:
        stack.append(QUOTE)
    elif character in BRACKETS:
        stack.append(BRACKETS[character])
    elif character in _CLOSERS or character == QUOTE:
        return _close(stack, character)
    return character


def open_brackets(text: str, waiting: str = "") -> str:
    """The closing brackets that the last paragraph of `text` still waits for, innermost last.

    Args:
        text: what was written.
        waiting: closing brackets waited for at its start.
    """
    start = text.rfind("\n") + 1
    stack = [] if start else list(waiting)
    for character in text[start:]:
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
    *paragraphs, last = text.split("\n")
    written = []
    for paragraph in paragraphs:
        said = _stepped(stack, paragraph)
        written.append(closed(said, "".join(stack)) + "\n")
        stack.clear()
    return "".join((*written, _stepped(stack, last)))


def _stepped(stack: list[str], paragraph: str) -> str:
    return "".join(step(stack, character) or "" for character in paragraph)


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
    end, open_ = len(text.rstrip(_SPACES)), len(waiting)
    while end and open_ and _PAIRS.get(text[end - 1]) == waiting[open_ - 1]:
        end, open_ = end - 1, open_ - 1
        while end and text[end - 1] in _SPACES:
            end -= 1
    return text[:end], waiting[:open_]


def _close(stack: list[str], closer: str) -> str | None:
    fitting = {closer, _OTHER_WIDTH.get(closer, closer)}
    if fitting.isdisjoint(stack[-DEEPEST:]):
        return None
    inner = ""
    while stack[-1] not in fitting:
        inner += stack.pop()
    stack.pop()
    return inner + closer
