"""Configure the site: the pages of the repository, pages to learn from, and the reference.

`make docs` calls `sphinx-build -c docs . build/site`. The source folder is the root of the
repository, so that every link between pages leads to the same file here and on GitHub.
`site_hooks.py` has what Sphinx does not do by itself.
"""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

from genjax import __version__  # noqa: E402

project, author, release = "genjax", "genjax contributors", __version__
copyright = "genjax contributors, MIT license"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "site_hooks",
    "live_pages",
]

root_doc = "README"
include_patterns = ["*.md", "docs/**"]
exclude_patterns = [".*", "build", "runs", "genjax", "tests", "experiments", "docs/notebooks"]
repository = os.environ.get("GITHUB_REPOSITORY", "")  # such as "owner/name", set by the workflow

myst_enable_extensions = ["amsmath", "dollarmath", "html_image"]
myst_dmath_double_inline = True
myst_heading_anchors = 4
default_role = "code"  # in docstrings, `name` is code

nb_execution_mode = os.environ.get("GENJAX_DOCS_EXECUTION", "cache")
nb_execution_cache_path = str(DOCS.parent / "build" / "executed")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_output_stderr = "remove"  # an error stops the build; progress bars and hints are left out

autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 88
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"genjax {release}"
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
copybutton_prompt_text = ">>> "
