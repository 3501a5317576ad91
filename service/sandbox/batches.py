"""The sandbox model's batches: each is answered at once, as its lines would be one by one."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from service.sandbox import chat, responses, texts
from service.sandbox.files import MOST, Stored, keep, stored

router = APIRouter()

ANSWERS: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "/v1/chat/completions": chat.completion,
    "/v1/responses": responses.response,
    "/v1/completions": texts.completion,
    "/v1/embeddings": texts.embedding,
    "/v1/images/generations": texts.picture,
}


@router.post("/v1/batches")
async def create(request: Request) -> Response:
    """Takes a batch, and tells that it begins; it is done by then."""
    body: dict[str, Any] = await request.json()
    asked = [json.loads(line) for line in stored(request, body["input_file_id"]).data.splitlines()]
    told = [_line(each) for each in asked]
    done = [line for line in told if line["response"]["status_code"] == HTTPStatus.OK]
    failed = [line for line in told if line["response"]["status_code"] != HTTPStatus.OK]
    begun = {
        **body,
        "id": f"batch_{secrets.token_hex(8)}",
        "object": "batch",
        "created_at": int(time.time()),
    }
    kept = _batches(request)
    kept[begun["id"]] = {
        **begun,
        "status": "completed",
        "output_file_id": _written(request, "batch_output", done),
        "error_file_id": _written(request, "batch_error", failed),
        "request_counts": {
            "total": len(told),
            "completed": len(done),
            "failed": len(failed),
        },
    }
    if len(kept) > MOST:
        del kept[next(iter(kept))]
    return JSONResponse({**begun, "status": "validating"})


@router.get("/v1/batches/{id_}")
def retrieve(request: Request, id_: str) -> Response:
    """What became of it."""
    kept = _batches(request)
    if id_ not in kept:
        raise HTTPException(404, "there is no such batch")
    return JSONResponse(kept[id_])


def _line(asked: dict[str, Any]) -> dict[str, Any]:
    """What is told of a request."""
    try:
        status, body = HTTPStatus.OK, ANSWERS[asked["url"]](asked["body"])
    except (KeyError, TypeError, ValueError) as error:
        told = {"message": f"the sandbox cannot answer this: {error!r}", "type": "invalid_request"}
        status, body = HTTPStatus.BAD_REQUEST, {"error": told}
    answer = {"status_code": status, "request_id": secrets.token_hex(8), "body": body}
    return {
        "id": f"batch_req_{secrets.token_hex(8)}",
        "custom_id": asked.get("custom_id"),
        "response": answer,
        "error": None,
    }


def _written(request: Request, purpose: str, told: list[dict[str, Any]]) -> str | None:
    """The id of the file that these lines were written to; None where there are none."""
    if not told:
        return None
    id_ = f"file-{secrets.token_hex(8)}"
    data = b"".join(json.dumps(line).encode() + b"\n" for line in told)
    about = {"id": id_, "object": "file", "bytes": len(data), "created_at": int(time.time())}
    named = {"filename": f"{purpose}.jsonl", "purpose": purpose, "status": "processed"}
    keep(request, Stored({**about, **named}, data))
    return id_


def _batches(request: Request) -> dict[str, dict[str, Any]]:
    """Those of this sandbox."""
    state = request.app.state
    if not hasattr(state, "batches"):
        state.batches = {}
    found: dict[str, dict[str, Any]] = state.batches
    return found
