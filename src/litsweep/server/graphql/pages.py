"""Connections: lists in pages, as GraphQL clients read them."""

from collections.abc import Sequence
from typing import Any


def page(
    items: Sequence[Any], first: int | None = None, after: str | None = None, default: int = 50
) -> dict[str, Any]:
    """The `first` items after cursor `after`. A cursor is the number of items up to its own."""
    start = int(after) if after else 0
    stop = start + (default if first is None else first)
    shown = items[start:stop]
    edges = [{"cursor": str(n), "node": item} for n, item in enumerate(shown, start=start + 1)]
    return {
        "total_count": len(items),
        "edges": edges,
        "page_info": {"has_next_page": stop < len(items), "end_cursor": str(start + len(shown))},
    }


def everything(items: Sequence[Any]) -> dict[str, Any]:
    """All items in one page."""
    return page(items, first=len(items))
