"""Bodies: what is refused before it takes the room it would need."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterable

import pytest

from exporter.sources.body import MAX_BODY_BYTES, MAX_VALUES, BodyRefused, read_body

pytestmark = pytest.mark.anyio

MB = 1024 * 1024


async def chunks(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces as a connection does."""
    for piece in pieces:
        yield piece


async def read(pieces: Iterable[bytes], encoding: str = "") -> bytes:
    """Return the body that pieces make."""
    return await read_body(chunks(pieces), encoding)


def cut(content: bytes, size: int) -> list[bytes]:
    """Return a content in pieces."""
    return [content[start : start + size] for start in range(0, len(content), size)]


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
async def test_a_plain_body_is_what_came(encoding: str) -> None:
    """Nothing is read into it."""
    assert await read([b'{"a": ', b"1}"], encoding) == b'{"a": 1}'


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_gzip_is_unpacked_however_it_is_cut(size: int) -> None:
    """Where a packet ends says nothing."""
    content = b'{"rows": [' + b"1," * 5_000 + b"1]}"
    assert await read(cut(gzip.compress(content), size), "gzip") == content


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "gzip,gzip,gzip", "zstd", "x, gzip"])
async def test_only_what_was_asked_for_is_unpacked(encoding: str) -> None:
    """A body that is packed more than once is only ever a trap."""
    with pytest.raises(BodyRefused, match="encoded in a way we did not ask for"):
        await read([gzip.compress(b"{}")], encoding)


@pytest.mark.parametrize(
    "content",
    [b"this is no gzip", gzip.compress(b"{}" * 100, mtime=0)[:-9], zlib.compress(b"{}"), b""],
    ids=["text", "half", "deflate", "nothing"],
)
async def test_a_broken_body_is_refused(content: bytes) -> None:
    """Half a body is no body."""
    with pytest.raises(BodyRefused, match="cannot be decompressed"):
        await read([content], "gzip")


async def test_a_bomb_is_refused_before_it_has_the_room() -> None:
    """A gigabyte of zeros is a megabyte of gzip: what it would be is never made."""
    packed = gzip.compress(b"0" * (400 * MB), 1)
    assert len(packed) < 2 * MB
    tracemalloc.start()
    with pytest.raises(BodyRefused, match="more than 16 MB"):
        await read([packed], "gzip")
    assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BODY_BYTES
    tracemalloc.stop()


async def test_an_endless_body_is_left() -> None:
    """The connection is let go at the first byte too many, plain or packed, even after the packed end."""

    async def endless(first: bytes) -> AsyncIterator[bytes]:
        yield first
        for _ in range(10_000):
            yield b" " * MB
        raise AssertionError("it was read to its end")

    with pytest.raises(BodyRefused, match="more than 16 MB"):
        await read_body(endless(b"{}"), "")
    assert await read_body(endless(gzip.compress(b"{}")), "gzip") == b"{}"


@pytest.mark.parametrize("values", [b"[],", b"{},", b"1,", b'"ab",', b"[" * 3])
async def test_a_body_of_too_many_values_is_refused_before_it_is_parsed(values: bytes) -> None:
    """Two bytes of JSON become sixty of objects."""
    with pytest.raises(BodyRefused, match="500,000 values"):
        await read([b"[" + values * MAX_VALUES + b"1]"])
