"""Configuration of Sphinx."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from _defaults_table import defaults_table, public_estimators  # noqa: E402

import skae  # noqa: E402

project = "skae"
author = "skae developers"
copyright = author
version = release = skae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
default_role = "literal"  # `name` in the text and in docstrings
templates_path = []
# The table of defaults is a part of defaults.rst, not a page.
exclude_patterns = ["_build", "generated/defaults.rst"]

html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_title = f"skae {release}"

autosummary_generate = True
# What scikit-learn's BaseEstimator gives to every estimator is documented there.
autodoc_default_options = {"members": True, "inherited-members": "BaseEstimator"}
# autosummary's class pages list the members already.
numpydoc_show_class_members = False

intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "matplotlib": ("https://matplotlib.org/stable", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
    "torch": ("https://docs.pytorch.org/docs/stable", None),
}
intersphinx_timeout = 10

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": r"(^|/)(?!plot_)[^/]*\.py$",  # `make demo` runs the demo
    "doc_module": ("skae",),
    "reference_url": {"skae": None},
    "within_subsection_order": "FileNameSortKey",
}


def write_defaults(app):
    """Write generated/defaults.rst, which defaults.rst includes."""
    target = HERE / "generated" / "defaults.rst"
    target.parent.mkdir(exist_ok=True)
    target.write_text(defaults_table(public_estimators(skae)), encoding="utf-8")


def setup(app):
    app.connect("builder-inited", write_defaults)
