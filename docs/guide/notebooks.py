"""The notebooks: executed on synthetic faces at build, and shown as pages with what their cells print and draw."""

import ast
import contextlib
import io
import json
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent / "notebooks"


def pages():
    """Return path -> Markdown of each notebook, and its pictures."""
    found = {}
    for path in sorted(HERE.glob("*.ipynb")):
        found |= page(path)
    return found


def page(path):
    """Return the page of one notebook and its pictures; an error of a cell is an error of the build."""
    lines, files, space = [], {}, {"__name__": "__main__"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for i, cell in enumerate(cells(path)):
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                lines += [source, ""]
                continue
            lines += ["```python", source, "```", ""]
            printed, shown = run_cell(source, space, f"{path.name}, cell {i + 1}")
            if printed.strip():
                lines += ["```text", printed.rstrip(), "```", ""]
            if isinstance(shown, bytes):
                name = f"{path.stem}-{i}.png"
                files[f"notebooks/{name}"] = shown
                lines += [f"![What the cell shows]({name})", ""]
            elif shown:
                lines += [shown, ""]
    text = "\n".join(lines) + f"\n\nThe notebook itself: `docs/notebooks/{path.name}` of the repository.\n"
    return {f"notebooks/{path.stem}.md": text, **files}


def cells(path):
    """Return the cells of a notebook file."""
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def run_cell(source, space, where):
    """Run a cell; return what it printed, and its last value as Jupyter would show it: PNG, HTML, text, or None."""
    tree = ast.parse(source, where)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, shown = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, where, "exec"), space)
        value = eval(compile(ast.Expression(last.value), where, "eval"), space) if last else None
    for name in ("_repr_png_", "_repr_html_"):
        if shown is None and hasattr(value, name):
            shown = getattr(value, name)()
    if shown is None and value is not None:
        printed.write(f"{value!r}\n")
    return printed.getvalue(), shown
