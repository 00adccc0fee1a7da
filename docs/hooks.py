"""Hook of MkDocs: adds what is made at build, so that nothing of it can drift from the code."""

from guide import api, names, notebooks, pictures, worked  # this folder is on the path while the hook is imported
from mkdocs.structure.files import File


def on_files(files, config):
    """Add the generated pages, pictures and notebooks to the files of the guide."""
    made = {**names.pages(), **api.pages(), **pictures.pictures(), **notebooks.pages(), **worked.pages()}
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files
