"""Whether a text is one question to a database. Pure, and no parser of SQL: it sees what people get wrong."""

from __future__ import annotations

import re

from orchestrator.config.problems import shown

_BEGINS = re.compile(r"(select|with|values|table)\b", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_WRITES = re.compile(r"\b(insert|update|delete|drop|alter|truncate|create|grant|copy)\b", re.IGNORECASE)


def one_query(text: str) -> str:
    """The text, if it is one query that only reads.

    Raises: ValueError: it is none; says why.
    """
    bare = _QUOTED.sub(" ", text).strip()
    if not _BEGINS.match(bare):
        raise ValueError(f"{shown(text)} is no query: it begins with SELECT or WITH")
    if "'" in bare or '"' in bare:
        raise ValueError(f"{shown(text)} is no query: a quote is not closed")
    if ";" in bare.rstrip().rstrip(";"):
        raise ValueError(f"{shown(text)} is more than one query")
    if bare.count("(") != bare.count(")"):
        raise ValueError(f"{shown(text)} is no query: a bracket is not closed")
    if found := _WRITES.search(bare):
        raise ValueError(f"{shown(text)} does not only read: it holds {found[0].upper()}")
    if not re.search(r"\b(from|values|table)\b", bare, re.IGNORECASE) and not re.match(
        r"select\s+\S", bare, re.IGNORECASE
    ):
        raise ValueError(f"{shown(text)} asks for nothing")
    return text
