"""A dict of the values that were used last."""

from litsweep.server.recently_used import RecentlyUsed


def test_what_was_not_used_for_the_longest_time_is_dropped() -> None:
    cache: RecentlyUsed[str, list[int]] = RecentlyUsed()
    first = cache.use("a", lambda: [1, 2])
    cache.use("b", lambda: [3])
    assert cache.use("a", lambda: [9]) is first
    cache.limit(2, len)
    assert [*cache] == ["a"]


def test_the_last_entry_stays_whatever_its_size() -> None:
    cache: RecentlyUsed[str, list[int]] = RecentlyUsed()
    cache.use("a", lambda: [1, 2, 3])
    cache.limit(1, len)
    assert [*cache] == ["a"]
    cache.use("b", lambda: [4])
    cache.limit(1)
    assert [*cache] == ["b"]
