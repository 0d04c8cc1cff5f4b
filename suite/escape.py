"""Text from a record, made harmless for what it is shown in: one function a format.

For a terminal that is `suite.errors.one_line`: a space for whatever cannot be printed, which all
of these begin with, so that no escape sequence and no line break passes anywhere.
"""

import html as standard
import os
import re
from pathlib import PurePath
from urllib.parse import quote

from suite.errors import one_line

_MARKUP = re.compile(r"([\\`*_\[\]|~#!$])")
_PLAIN_CODE = re.compile(r"[^`|<>&\\]+")
# Spreadsheets take a cell that begins so for a formula; the last four are their wide forms.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def markdown(text: str) -> str:
    """`text` within a paragraph, a heading or a cell of a Markdown table."""
    return _MARKUP.sub(r"\\\1", standard.escape(one_line(text), quote=False))


def code(text: str) -> str:
    """`text` as code in Markdown; what backticks cannot hold is written as entities."""
    shown = one_line(text)
    if _PLAIN_CODE.fullmatch(shown):
        return f"`{shown}`"
    written = (each if each.isalnum() or each == " " else f"&#{ord(each)};" for each in shown)
    return f"<code>{''.join(written)}</code>"


def marked(text: str) -> str:
    """`text` in Markdown, with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return markdown(text)
    return "".join(code(part) if at % 2 else markdown(part) for at, part in enumerate(parts))


def utf8(text: str) -> str:
    """`text` for a file: escapes for what UTF-8 lacks, as a path holds that is in no encoding."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def html(text: str) -> str:
    """`text` as the content of an element, or of an attribute in double quotes."""
    return standard.escape(one_line(text), quote=True)


def link(path: PurePath) -> str:
    """`path` as the target of a link, relative to what links; it can name no scheme."""
    return quote(os.fsencode(path.as_posix()), safe="/")


def json(text: str) -> str:
    """JSON `text` that a terminal shows as it is: escapes for what cannot be printed."""
    return "".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text)


def cell(text: str) -> str:
    """`text` as a cell of a csv file, which a spreadsheet takes for text and no formula."""
    shown = one_line(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
