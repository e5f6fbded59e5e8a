"""HTTP routes of blobs: `PUT` and `GET /blobs/KEY/NAME` by signed link, and artifact files by digest.

Only the artifact files require the API key. The `NAME` in a link decides only the content type.
"""

import base64
import re
from mimetypes import guess_type
from pathlib import PurePosixPath

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.server.artifacts import contents
from litsweep.server.auth import Keyring
from litsweep.server.backend import Backend, backend_of
from litsweep.server.blobs import Written
from litsweep.server.store import blobs as blob_store
from litsweep.server.store.blobs import BlobRecord

# A file from a run must not use the session of the person who opens it in a browser.
INERT = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}


def link(keyring: Keyring, method: str, key: str, name: str) -> str:
    """Return the path and query of a signed link to a file. `name` may include folders."""
    # Some clients and proxies change an address with special characters.
    plain = re.sub(r"[^\w.-]", "_", PurePosixPath(name).name).lstrip(".") or "file"
    return keyring.link(method, f"/blobs/{key}/{plain}")


def media_type(name: str) -> str:
    """Return the media type of a file name."""
    return guess_type(name)[0] or "application/octet-stream"


async def upload(request: Request) -> Response:
    """Store the request's body as a blob. Respond when it is on disk."""
    backend, key = backend_of(request), request.path_params["key"]
    blob = await run_in_threadpool(_announced, backend, key)
    try:
        written = await backend.blobs.write(key, request.stream(), blob.announced_md5)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
    if not await run_in_threadpool(_mark_stored, backend, key, written):
        backend.blobs.delete(key)
        raise HTTPException(404)
    return Response()


def _announced(backend: Backend, key: str) -> BlobRecord:
    with backend.database.read() as connection:
        blob = blob_store.get(connection, key)
    if blob is None:
        raise HTTPException(404)
    return blob


def _mark_stored(backend: Backend, key: str, written: Written) -> bool:
    with backend.database.write() as connection:
        return blob_store.mark_stored(connection, key, written.size, written.md5)


def _content(backend: Backend, key: str, name: str) -> Response:
    """Return the content, or the part that the Range header asks for."""
    path = backend.blobs.path(key)
    if not path.exists():
        raise HTTPException(404)
    return FileResponse(path, media_type=media_type(name), headers=INERT)


def artifact_file(request: Request) -> Response:
    """Return the content of one file of an artifact, found by its digest."""
    backend = backend_of(request)
    try:
        digest = _digest_in(request.path_params["path"])
    except ValueError:
        raise HTTPException(404) from None
    with backend.database.read() as connection:
        keys = contents.stored_keys(connection, [digest])
    if not keys:
        raise HTTPException(404)
    return _content(backend, keys[digest], "")


def _digest_in(path: str) -> str:
    """Return the digest in base64. In the path it is hexadecimal.

    Older clients ask for `REGION/ENTITY/ARTIFACT/DIGEST`, newer ones for
    `REGION/ENTITY/PROJECT/COLLECTION/ARTIFACT/DIGEST/NAME`.
    """
    parts = path.split("/")
    digest = parts[-1] if len(parts) == 4 else parts[-2:][0]
    return base64.b64encode(bytes.fromhex(digest)).decode()


async def blob(request: Request) -> Response:
    """Store or return one blob, if the link is signed."""
    method = "PUT" if request.method == "PUT" else "GET"
    if not backend_of(request).keyring.allows(method, request.scope["path"], request.query_params):
        raise HTTPException(403, "this link is not signed by this server for this use, or it has expired")
    if method == "PUT":
        return await upload(request)
    return _content(backend_of(request), request.path_params["key"], request.path_params["name"])


_ANY_ORIGIN = Middleware(
    CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD", "PUT"], allow_headers=["*"]
)
routes: list[BaseRoute] = [
    Route("/blobs/{key}/{name}", blob, methods=["GET", "HEAD", "PUT", "OPTIONS"], middleware=[_ANY_ORIGIN])
]
protected: list[BaseRoute] = [Route("/artifactsV2/{path:path}", artifact_file)]
