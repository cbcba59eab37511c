"""The package's description is README.md with pictures that a package index can show.

An index resolves no relative links. If README_IMAGES gives the URL of the folder of the pictures,
links become absolute; without it a caption takes the place of each picture, so that none is broken.
"""

import os
import re
from pathlib import Path

from setuptools import setup

BASE = os.environ.get("README_IMAGES", "").rstrip("/")
text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
picture = rf"![\1]({BASE}/\2)" if BASE else r"*\1*"
text = re.sub(r"!\[([^\]]*)\]\(screenshots/([^)]+)\)", picture, text)
text = re.sub(r"\[([^\]]*)\]\((?!https?:|#)[^)]+\)", r"\1", text)  # links to files beside it

setup(long_description=text, long_description_content_type="text/markdown")
