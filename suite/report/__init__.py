"""Records in, Markdown, figures and a page out; nothing here trains or knows torch."""

from suite.report.page import render_page
from suite.report.tables.overview import render_overview
from suite.report.tables.render import render_tables
from suite.report.write import render_report, write_files, write_report

__all__ = [
    "render_overview",
    "render_page",
    "render_report",
    "render_tables",
    "write_files",
    "write_report",
]
