"""How the documentation is built: `make docs`. Warnings are errors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import fluxfill_nb

ROOT = Path(__file__).resolve().parent.parent

project = "fluxfill_nb"
author = "The fluxfill_nb contributors"
project_copyright = author
version = release = fluxfill_nb.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
# A name in single backticks is a reference; one of ours that leads nowhere is an error.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*"), ("py:.*", r"(?!fluxfill_nb)\w+\..*")]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
copybutton_prompt_text = ">>> |... "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"fluxfill_nb {version}"
html_copy_source = html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["_static"]
html_css_files = ["docs.css"]

# Pages whose text is a file of the repository, and where that file's links lead here.
TEXTS = {
    "index": "README.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "security": "SECURITY.md",
}
LINKS = {
    r"\((?:docs/)?elsewhere\.md": "(elsewhere.md",
    r"\(docs/": "(",
    r"\(CHANGELOG\.md": "(changelog.md",
    r"\(CONTRIBUTING\.md": "(contributing.md",
    r"\(SECURITY\.md": "(security.md",
    r"\[LICENSE\]\(LICENSE\)": "{download}`LICENSE <../LICENSE>`",
}


def setup(app: Sphinx) -> None:
    """Register what is ours."""
    app.connect("source-read", use_text)
    app.add_directive("parameters", Parameters)
    app.add_directive("tutorials", Tutorials)
    app.add_directive("commands", Commands)


def use_text(_app: Sphinx, page: str, source: list[str]) -> None:
    """Put a file of the repository before what the page itself says."""
    if page in TEXTS:
        text = (ROOT / TEXTS[page]).read_text(encoding="utf-8")
        for pattern, link in LINKS.items():
            text = re.sub(pattern, link, text)
        source[0] = f"{text}\n\n{source[0]}"


class Ours(SphinxDirective):
    """Text that is worked out, written in the page's own markup."""

    def run(self) -> list[nodes.Node]:
        """Return the text's nodes."""
        here = nodes.Element()
        self.state.nested_parse(StringList(self.text().splitlines(), source=self.name), 0, here)
        return list(here.children)

    def text(self) -> str:
        """The text."""
        raise NotImplementedError


class Parameters(Ours):
    """The table of parameters, from `FillFields`."""

    def text(self) -> str:
        """Write one row for each setting."""
        from fluxfill_nb.options import FillFields, FillOptions

        rows = [".. list-table::", "   :header-rows: 1", "   :widths: 18 24 14 44", ""]
        cells = [("Setting", "Values", "Default", "What it does")]
        for name, field in FillFields.model_fields.items():
            default = "the service's" if field.default is None else f"``{field.default!r}``"
            cells.append((f"``{name}``", FillOptions.rule(name), default, field.description or ""))
        for first, *others in cells:
            rows += [f"   * - {first}", *(f"     - {other}" for other in others)]
        return "\n".join(rows)


class Tutorials(Ours):
    """The tutorial notebooks: the title and the first paragraph of each, and the file itself."""

    def text(self) -> str:
        """Write one section for each notebook."""
        parts = []
        for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
            cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
            words = "".join(cells[0]["source"]).split("\n\n")
            title = words[0].removeprefix("# ")
            parts += [
                f"## {title}",
                words[1],
                "{download}`" + f"{path.name} <../notebooks/{path.name}>`",
            ]
        return "\n\n".join(parts)

    def run(self) -> list[nodes.Node]:
        """Return the sections; headings need the parser's leave."""
        here = nodes.section()
        lines = StringList(self.text().splitlines(), source=self.name)
        self.state.nested_parse(lines, self.content_offset, here, match_titles=True)
        return list(here.children)


class Commands(Ours):
    """The command line's own help."""

    def text(self) -> str:
        """Write what ``--help`` says of each command."""
        from fluxfill_nb.__main__ import _parser

        parser = _parser()
        (commands,) = (a for a in parser._actions if a.choices)
        parts = []
        for name, command in commands.choices.items():
            parts += [f".. rubric:: python -m fluxfill_nb {name}", "", ".. code-block:: text", ""]
            parts += [f"   {line}" for line in command.format_help().splitlines()] + [""]
        return "\n".join(parts)
