"""The sandbox model's Gemini files: what is told of them, kept until it ends; no bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse

router = APIRouter()

MOST: Final = 64
"""Files and begun uploads that are kept; the first is forgotten for one more."""
PLACE: Final = "https://generativelanguage.googleapis.com/v1beta/"


@router.post("/upload/v1/files")
@router.post("/upload/v1beta/files")
async def upload(request: Request) -> Response:
    """A file in one request of two parts, or what begins or goes on with one in several."""
    body, way = await request.body(), request.headers.get("x-goog-upload-protocol")
    if (begun := request.query_params.get("upload_id")) is not None:
        return _more(request, _kept(request, "gemini_uploads"), begun, body)
    if way == "resumable":
        return _begin(request, body)
    if way != "multipart":
        raise HTTPException(400, "an upload in two parts, or one to be resumed, is expected")
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"')
    _, first, second, _ = body.split(f"--{boundary}".encode())
    head, _, data = second.partition(b"\r\n\r\n")
    kind = head.decode().lower().partition("content-type:")[2].split("\r\n")[0].strip()
    metadata = json.loads(first.partition(b"\r\n\r\n")[2])
    return _store(request, metadata, kind, data.removesuffix(b"\r\n"))


@router.get("/v1beta/files")
def files(request: Request) -> Response:
    """All that are kept."""
    return JSONResponse({"files": list(_kept(request, "gemini_files").values())})


@router.get("/v1beta/files/{id_}")
def file(request: Request, id_: str) -> Response:
    """What is told of one."""
    known = _kept(request, "gemini_files")
    if id_ not in known:
        error = {"code": 404, "message": "There is no such file.", "status": "NOT_FOUND"}
        return JSONResponse({"error": error}, 404)
    return JSONResponse(known[id_])


@router.delete("/v1beta/files/{id_}")
def delete(request: Request, id_: str) -> Response:
    """Forgets it."""
    _kept(request, "gemini_files").pop(id_, None)
    return JSONResponse({})


def _begin(request: Request, body: bytes) -> Response:
    """Says where the bytes are to be brought."""
    id_ = secrets.token_hex(8)
    kind = request.headers.get("x-goog-upload-header-content-type", "")
    _keep(request, "gemini_uploads", id_, (json.loads(body or b"{}"), kind, bytearray()))
    url = request.url.replace(query=f"upload_id={id_}&upload_protocol=resumable")
    return Response(headers={"x-goog-upload-status": "active", "x-goog-upload-url": str(url)})


def _more(request: Request, begun: dict[str, Any], id_: str, body: bytes) -> Response:
    """Takes the next bytes, and stores the file at the last."""
    if id_ not in begun:
        raise HTTPException(400, "this upload was not begun")
    metadata, kind, data = begun[id_]
    data += body
    if "finalize" not in request.headers.get("x-goog-upload-command", ""):
        return Response(headers={"x-goog-upload-status": "active"})
    del begun[id_]
    return _store(request, metadata, kind, bytes(data))


def _store(request: Request, metadata: dict[str, Any], kind: str, data: bytes) -> Response:
    said = metadata.get("file", {})
    id_ = said.get("name", "").removeprefix("files/") or secrets.token_hex(6)
    now = datetime.now(UTC)
    shown = said.get("displayName", said.get("display_name"))
    told = {
        "name": f"files/{id_}",
        **({"displayName": shown} if shown else {}),
        "mimeType": kind,
        "sizeBytes": str(len(data)),
        "createTime": now.isoformat(),
        "updateTime": now.isoformat(),
        "expirationTime": (now + timedelta(days=2)).isoformat(),
        "sha256Hash": base64.b64encode(hashlib.sha256(data).hexdigest().encode()).decode(),
        "uri": f"{PLACE}files/{id_}",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }
    _keep(request, "gemini_files", id_, told)
    return JSONResponse({"file": told}, headers={"x-goog-upload-status": "final"})


def _kept(request: Request, what: str) -> dict[str, Any]:
    """Those of this sandbox."""
    state = request.app.state
    if not hasattr(state, what):
        setattr(state, what, {})
    found: dict[str, Any] = getattr(state, what)
    return found


def _keep(request: Request, what: str, id_: str, value: object) -> None:
    known = _kept(request, what)
    known[id_] = value
    if len(known) > MOST:
        del known[next(iter(known))]
