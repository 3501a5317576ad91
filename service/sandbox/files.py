"""The sandbox model's files and edited pictures. Files are kept until it ends."""

from __future__ import annotations

import base64
import io
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from PIL import Image
from starlette.datastructures import UploadFile

router = APIRouter()

MOST: Final = 64
"""Files that are kept; the first is forgotten for one more."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as it is told of, and its bytes."""

    told: dict[str, Any]
    data: bytes


@router.post("/v1/images/edits")
async def edits(request: Request) -> Response:
    """The first picture as it was shown, as a PNG."""
    async with request.form() as form:
        shown = [*form.getlist("image"), *form.getlist("image[]")]
        if not shown or not isinstance(shown[0], UploadFile):
            raise HTTPException(400, "a picture is expected")
        data = await shown[0].read()
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(out, "PNG")
    encoded = base64.b64encode(out.getvalue()).decode()
    return JSONResponse({"created": int(time.time()), "data": [{"b64_json": encoded}]})


@router.post("/v1/files")
async def upload(request: Request) -> Response:
    """Keeps a file, and tells of it as OpenAI does, or as Anthropic."""
    async with request.form() as form:
        file, purpose = form.get("file"), form.get("purpose")
        if not isinstance(file, UploadFile):
            raise HTTPException(400, "a file is expected")
        data, name, kind = await file.read(), file.filename, file.content_type
    id_ = f"file-{secrets.token_hex(8)}"
    told: dict[str, Any] = {"id": id_, "filename": name}
    if "anthropic-version" in request.headers:
        now = datetime.now(UTC).isoformat()
        told |= {"type": "file", "mime_type": kind, "size_bytes": len(data), "created_at": now}
    else:
        told |= {"object": "file", "bytes": len(data), "created_at": int(time.time())}
        told |= {"purpose": purpose, "status": "processed"}
    keep(request, Stored(told, data))
    return JSONResponse(told)


@router.get("/v1/files")
def files(request: Request) -> Response:
    """All that are kept."""
    told = [each.told for each in kept(request).values()]
    return JSONResponse({"object": "list", "data": told, "has_more": False})


@router.get("/v1/files/{id_}")
def file(request: Request, id_: str) -> Response:
    """What is told of one."""
    return JSONResponse(stored(request, id_).told)


@router.get("/v1/files/{id_}/content")
def content(request: Request, id_: str) -> Response:
    """Its bytes."""
    return Response(stored(request, id_).data, media_type="application/octet-stream")


@router.delete("/v1/files/{id_}")
def delete(request: Request, id_: str) -> Response:
    """Forgets it."""
    kept(request).pop(id_, None)
    return JSONResponse({"id": id_, "object": "file", "deleted": True})


def kept(request: Request) -> dict[str, Stored]:
    """Those of this sandbox."""
    state = request.app.state
    if not hasattr(state, "files"):
        state.files = {}
    found: dict[str, Stored] = state.files
    return found


def keep(request: Request, file: Stored) -> None:
    """Keeps one more."""
    files = kept(request)
    files[file.told["id"]] = file
    if len(files) > MOST:
        del files[next(iter(files))]


def stored(request: Request, id_: str) -> Stored:
    """One of them."""
    files = kept(request)
    if id_ not in files:
        raise HTTPException(404, "there is no such file")
    return files[id_]
