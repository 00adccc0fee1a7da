"""Extension of griffe: doctests of a docstring stand under Examples, so that they are set as code."""

import griffe

HEADING = ["Examples", "--------"]


class Examples(griffe.Extension):
    """Puts the heading of numpydoc above the first doctest of each docstring that has none."""

    def on_object(self, *, obj, **kwargs):
        if obj.docstring and ">>>" in obj.docstring.value and "\nExamples\n---" not in obj.docstring.value:
            lines = obj.docstring.value.splitlines()
            first = next((i for i, line in enumerate(lines) if line.startswith(">>>")), None)
            if first is not None:
                obj.docstring.value = "\n".join([*lines[:first], *HEADING, *lines[first:]])
