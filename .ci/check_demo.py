"""Check that a run directory has images, and that Pillow decodes them.

    python .ci/check_demo.py runs/demo

Needs only what tbimage needs, because it runs in the environment of README's first command.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from tbimage.events.messages import Event
from tbimage.events.records import RecordDecoder


def images(path: Path) -> dict[str, tuple[int, int]]:
    """Decode the images of an event file.

    Args:
        path: The file.

    Returns:
        Width and height in pixels of the last image of each tag.

    Raises:
        ValueError: The file ends within a record, or the size of an image is not the stored one.
    """
    decoder = RecordDecoder()
    decoder.feed(path.read_bytes())
    sizes = {}
    while (payload := decoder.next_record()) is not None:
        for value in Event.FromString(payload).summary.value:
            if value.WhichOneof("value") == "image":
                with Image.open(io.BytesIO(value.image.encoded_image_string)) as picture:
                    picture.load()
                    sizes[value.tag] = picture.size
                if sizes[value.tag] != (value.image.width, value.image.height):
                    raise ValueError(f"{path}: {value.tag} is {sizes[value.tag]}: {value.image}")
    if decoder.pending_bytes:
        raise ValueError(f"{path} ends within a record")
    return sizes


if __name__ == "__main__":
    paths = sorted(Path(sys.argv[1]).rglob("events.out.tfevents.*"))
    found = {path: images(path) for path in paths}
    for path, sizes in found.items():
        for tag, (width, height) in sizes.items():
            print(f"{path.parent}: {tag}: {width} x {height}")
    if not any(found.values()):
        sys.exit(f"no images in {sys.argv[1]}: {[str(path) for path in paths]}")
