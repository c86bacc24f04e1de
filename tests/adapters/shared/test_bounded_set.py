"""The set that forgets."""

from __future__ import annotations

from adapters.shared.bounded_set import BoundedSet


def test_the_oldest_are_forgotten() -> None:
    """The set stays small and keeps what was added last."""
    recent = BoundedSet(2)
    assert [recent.add(item) for item in ("a", "b", "a", "c")] == [True, True, False, True]
    assert ("a" in recent, "b" in recent, "c" in recent, len(recent)) == (True, False, True, 2)
    recent.discard("a")
    assert "a" not in recent
