"""SQL text as statements, cut where ClickHouse's own lexer sees their ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import clickhouse_connect
from clickhouse_connect.driver.client import Client

ENDS = ("Semicolon", "VerticalDelimiter")
UNSEEN = ("Whitespace", "Comment")
ROWS = (
    "select",
    "with",
    "from",
    "show",
    "describe",
    "desc",
    "explain",
    "exists",
    "check",
    "values",
)
"""First words of the statements that give rows."""


@dataclass(frozen=True)
class Statement:
    """One statement, without the semicolon."""

    text: str
    words: tuple[str, ...]
    """What is not quoted, a number or a comment, in lower case: keywords, names, brackets."""

    @property
    def gives_rows(self) -> bool:
        """Whether its answer is rows."""
        first = next((word for word in self.words if word != "("), "")
        return first in ROWS

    @property
    def is_a_query(self) -> bool:
        """Whether it is a SELECT, and not one of the short answers, such as SHOW's."""
        return not {"show", "describe", "desc", "explain", "exists", "check"} & {*self.words[:1]}

    @property
    def writes_a_file(self) -> bool:
        """Whether it has an ``into outfile``."""
        return ("into", "outfile") in zip(self.words, self.words[1:], strict=False)

    def __str__(self) -> str:
        line = " ".join(self.text.split())
        return line if len(line) <= 60 else f"{line[:59]}…"


class Token(NamedTuple):
    """A piece of SQL: where it begins and ends, in bytes, and ClickHouse's name for its kind."""

    begin: int
    end: int
    kind: str


class Lexer:
    """ClickHouse's lexer, of an embedded engine whichever the target is.

    Strings, comments and quoted names may hold semicolons, and an older server has no function that
    would tell them apart.

    Parameters
    ----------
    client
        An embedded database that is open, since a process can have no second one; None opens one
        in memory.
    """

    def __init__(self, client: Client | None = None) -> None:
        self._client = client or clickhouse_connect.get_client(interface="chdb")

    def split(self, text: str) -> tuple[list[Statement], str]:
        """Return the statements that have an end, and the text after the last of these ends.

        Empty statements are left out, and what is only comments.
        """
        coded, statements, rest = text.encode(), [], 0
        part: list[Token] = []
        for token in self._tokens(text):
            if token.kind not in ENDS:
                part.append(token)
                continue
            statements += _statements(coded, part)
            part, rest = [], token.end
        return statements, coded[rest:].decode()

    def all(self, text: str) -> list[Statement]:
        """Return the statements of a text whose last one may lack its end."""
        statements, rest = self.split(text)
        return statements + self.split(rest + "\n;")[0]

    def _tokens(self, text: str) -> Iterator[Token]:
        found = self._client.query(
            "select token.1, token.2, toString(token.3) "
            "from (select arrayJoin(tokenizeQuery({text:String})) as token)",
            parameters={"text": text},
        )
        return (Token(*row) for row in found.result_rows)


def _statements(coded: bytes, part: list[Token]) -> list[Statement]:
    """Return the statement of some tokens, without the comments around it, if there is one."""
    seen = [token for token in part if token.kind not in UNSEEN]
    words = (coded[token.begin : token.end].decode().lower() for token in seen)
    if not seen:
        return []
    text = coded[seen[0].begin : seen[-1].end].decode()
    return [Statement(text, tuple(words))]
