"""The commented reference of vpsdeploy.yml, and docs/config.md made from it.

`python -m orchestrator.config.reference` prints the page; a test holds that docs/config.md is equal to it.
"""

from __future__ import annotations

import sys
from importlib.resources import files

_INTRODUCTION = """\
# The configuration: vpsdeploy.yml

<!-- made from orchestrator/config/reference.yml by `python -m orchestrator.config.reference`; do not edit -->

One file, `vpsdeploy.yml`, in the directory of your NestJS project. The smallest one is a line:

```yaml
app: shop
```

`vpsdeploy init` writes it; `vpsdeploy doctor` checks it. Every command reads it whole before it connects to any
host: an unknown key, a wrong value or a key that is there twice is refused, with its line and what is allowed. YAML
aliases (`*name`) and tags (`!name`) are not used.

## Every key
"""


def text() -> str:
    """reference.yml as it is."""
    return (files("orchestrator.config") / "reference.yml").read_text(encoding="utf-8")


def page() -> str:
    """docs/config.md: a section for each paragraph of the reference."""
    introduction, *paragraphs = text().strip().split("\n\n")
    about = "\n".join(line.removeprefix("# ") for line in introduction.splitlines())
    return "\n".join([_INTRODUCTION, about, *(_section(paragraph) for paragraph in paragraphs)]) + "\n"


def _section(paragraph: str) -> str:
    """A top-level key: its leading comment as text, then the YAML."""
    lines = paragraph.splitlines()
    first = next(n for n, line in enumerate(lines) if not line.startswith("#"))
    comment = [line.removeprefix("# ") for line in lines[:first]]
    key = lines[first].partition(":")[0]
    return "\n".join([f"\n### {key}\n", *comment, "", "```yaml", *lines[first:], "```"])


if __name__ == "__main__":
    sys.stdout.write(page())
