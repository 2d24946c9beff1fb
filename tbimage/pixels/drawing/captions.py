"""Put a strip of text below a picture."""

from __future__ import annotations

from tbimage import checks
from tbimage.pixels.drawing.canvas import LETTERS, framed
from tbimage.pixels.drawing.text_rendering import (
    check_text,
    lacking,
    line_height,
    size_for,
    text_width,
    wrap,
    write,
)
from tbimage.pixels.values.pictures import Picture, as_picture

#: The maximum number of lines of a caption; longer text is cut, and ends with "…".
MOST_LINES = 8

# If a picture is only 28 pixels wide, its caption would be broken into single letters. So the sheet
# may be wider than the picture, up to this number times the size of the letters.
_LETTERS_ACROSS = 14


def caption(
    image: object, text: str, size: int | None = None, margin: int | None = None
) -> Picture:
    """Put a strip with text below a picture. The picture itself is not changed.

    Args:
        image: A Picture or an array ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels, of any dtype.
        text: Any text; it is broken into up to 8 lines. Characters that no font has are drawn as
            boxes.
        size: The size of the letters in pixels. The default is 12 or more, depending on the size of
            the picture. It makes the text readable in a card of TensorBoard.
        margin: Pixels around the text; default: a third of ``size``.

    Returns:
        The picture with a strip below. The channels and the depth are the same. A picture that is
        narrower than a few words is centred on a wider sheet.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A shape or another value does not fit.

    Example:
        >>> caption([[0, 1], [2, 3]], "tiny").pixels.shape[0] > 2
        True
    """
    text = check_text("text", text)
    picture = as_picture(image)
    pixels = picture.pixels
    height, width = pixels.shape[:2]
    size = checks.integer("size", size, 1, optional=True) or size_for(height, width)
    margin = size // 3 if margin is None else checks.integer("margin", margin, 0)
    across = max(width, min(text_width(text, size) + 2 * margin, _LETTERS_ACROSS * size))
    lines = wrap(text, size, across - 2 * margin, MOST_LINES)
    step = line_height(size)
    left = (across - width) // 2
    sheet = framed(pixels, step * len(lines) + 2 * margin, left, across - width - left)
    for number, line in enumerate(lines):
        write(sheet, line, margin, height + margin + number * step, size, LETTERS)
    return picture.but(sheet, lacking=lacking([text]))
