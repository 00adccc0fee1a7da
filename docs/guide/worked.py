"""The page of worked examples: the scripts of docs/examples, as they are."""

import ast
from pathlib import Path

from guide.markdown import escaped

HERE = Path(__file__).resolve().parent.parent / "examples"
HEAD = """# Worked examples

Scripts of `docs/examples`, each whole: a model or data of another kind, ranked beside a method of fldbench. They run in
the tests as they stand here. `fldbench new` begins one of your own: see [Add your own](add.md).
"""


def pages():
    """Return the page: of each script its first line as heading, and its code."""
    parts = [HEAD]
    for path in sorted(HERE.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        heading = (ast.get_docstring(ast.parse(source)) or path.stem).partition("\n")[0].rstrip(".")
        parts += [f"## {escaped(heading)} {{#{path.stem}}}", f"`docs/examples/{path.name}`", f"```python\n{source}```"]
    return {"examples.md": "\n\n".join(parts) + "\n"}
