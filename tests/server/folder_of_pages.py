"""A folder of modules whose words are hostile where they can be."""

from __future__ import annotations

import shutil
from pathlib import Path

from golden import cases

from tf1hub.format.messages_pb2 import SavedModel

EVIL = "<img src=x onerror=alert(1)><script>alert(1)</script>"
PAGE = f"""# Module demo/image/1
Five **classes**. {EVIL}

<!-- task: image-classification -->
<!-- license: {EVIL} -->
<!-- demo: javascript:alert(1) -->

## Overview {EVIL}
![a picture](https://elsewhere.example/x.png) [link](javascript:alert(1)) [good](https://example.com/)

| input | what |
|---|---|
| `images` | numbers from 0 to 1 |

```python
module = hub.Module("...")
```
"""


def lay_folder(root: Path) -> Path:
    """Lays it out: two versions of an image classifier, an LSTM, a text embedding, hostile names, a damaged module."""
    for name in ("image", "lstm", "text_embedding", "half_plus_two"):
        shutil.copytree(cases.load(name).path, root / "demo" / name / "1")
    shutil.copytree(cases.load("image_ref_variables").path, root / "demo" / "image" / "2")
    (root / "demo" / "image" / "README.md").write_text(PAGE)
    (root / "demo" / "README.md").write_text(f"# Publisher demo\nWho we are. {EVIL}\n\n## More\nText.")
    hostile = root / "demo" / "half_plus_two" / "1"
    saved = SavedModel.FromString((hostile / "saved_model.pb").read_bytes())
    for graph in saved.meta_graphs:
        graph.signature_def[EVIL].CopyFrom(graph.signature_def["default"])
    (hostile / "saved_model.pb").write_bytes(saved.SerializeToString())
    words = root / "demo" / "text_embedding" / "1" / "assets" / "tokens.txt"
    words.chmod(0o644)
    words.write_text("\n".join([EVIL, *words.read_text().splitlines()[1:]]) + "\n")
    (root / "demo" / "broken" / "1").mkdir(parents=True)
    (root / "demo" / "broken" / "1" / "saved_model.pb").write_bytes(b"<script>")
    return root
