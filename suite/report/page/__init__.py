"""The report as one page: what `tables.md` says, with figures to look at and records to sort."""

from suite.report.page.page import render_page

__all__ = ["render_page"]
