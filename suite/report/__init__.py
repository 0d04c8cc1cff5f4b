"""Records in, Markdown, figures and a page out; nothing here trains or knows torch."""
