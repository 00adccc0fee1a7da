"""Records -> one HTML file: a board, comparisons, faces, landmarks and where every number comes from. No request."""

from fldbench.report.page.write import page, write_page

__all__ = ["page", "write_page"]
