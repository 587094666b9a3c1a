"""From measured stages to figures, tables and one page."""
