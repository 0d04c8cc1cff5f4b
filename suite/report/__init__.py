"""Records in, Markdown, figures and a page out; nothing here trains or knows torch."""

from suite.report.html import render_page
from suite.report.overview import render_overview
from suite.report.render import render_tables
from suite.report.tables import write_report

__all__ = ["render_overview", "render_page", "render_tables", "write_report"]
