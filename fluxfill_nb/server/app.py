"""The endpoints: the hosted service's contract as a FastAPI application."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from ..engines import name_of
from ..request import FILL_PATH
from ..result import FillStatus
from ..version import __version__
from .body import FillBody
from .jobs import Job, Jobs
from .samples import Signer

CREDITS_PER_FILL = 5.0
"""What the hosted service charges; one credit is one cent (USD)."""

_ECHOED = 64


def create_app(
    jobs: Jobs,
    *,
    keys: Sequence[str] = (),
    max_active: int = 24,
    credits: float = 0.0,
) -> FastAPI:
    """Return an application that serves the contract.

    Parameters
    ----------
    jobs
        What does the work.
    keys
        The keys that may submit; none: everybody may.
    max_active
        How many tasks may wait or run at once; the next one is answered 429.
    credits
        What ``GET /v1/credits`` says. Fills cost nothing here.
    """
    engine = name_of(jobs.engine)
    signer = Signer()
    app = FastAPI(
        title="fluxfill_nb",
        version=__version__,
        description=f"The contract of FLUX.1 Fill [pro], served by the local engine {engine!r}.",
    )

    def authenticated(x_key: Annotated[str | None, Header()] = None) -> None:
        if not keys:
            return
        if not x_key:
            raise HTTPException(403, "Not authenticated")
        if not any(hmac.compare_digest(x_key.encode(), key.encode()) for key in keys):
            raise HTTPException(403, "Not authenticated - Invalid Authentication")

    @app.exception_handler(RequestValidationError)
    async def refused(_: Request, error: RequestValidationError) -> JSONResponse:
        detail = [
            {"type": problem["type"], "loc": problem["loc"], "msg": problem["msg"]}
            | {"input": _echo(problem.get("input"))}
            for problem in error.errors()
        ]
        return JSONResponse({"detail": detail}, status_code=422)

    @app.post(FILL_PATH, dependencies=[Depends(authenticated)])
    async def fill(body: FillBody, request: Request) -> dict[str, Any]:
        """Take a fill on; the answer says where to ask for it."""
        image, mask = await to_thread.run_sync(body.pictures)
        if jobs.active >= max_active:
            raise HTTPException(429, f"{max_active} tasks are active, and no more are allowed")
        job = jobs.submit(image, mask, body.options())
        polling_url = str(request.url_for("get_result").include_query_params(id=job.id))
        return {"id": job.id, "polling_url": polling_url}

    @app.get("/v1/get_result")
    async def get_result(id: str, request: Request, response: Response) -> dict[str, Any]:
        """Say how far a fill is, and where its picture lies once it is ready."""
        job = jobs.get(id)
        if job is None:
            response.status_code = 404
            return _answer(id, FillStatus.NOT_FOUND)
        if job.status == FillStatus.ERROR:
            return _answer(id, job.status, details={"error": job.error})
        answer = _answer(id, job.status, progress=job.progress, details=_details(jobs, job, engine))
        if job.status == FillStatus.READY:
            sample = str(request.url_for("sample", job_id=id).replace(query=signer.query(id)))
            answer["result"] = {
                "sample": sample,
                "prompt": job.options.prompt,
                "seed": job.options.seed,
                "start_time": job.started,
                "end_time": job.ended,
                "duration": job.ended - job.started,
            }
            answer["cost"] = 0.0
        return answer

    @app.get("/samples/{job_id}", include_in_schema=False)
    async def sample(job_id: str, expires: int, signature: str) -> Response:
        job = jobs.get(job_id)
        if job is None or not signer.is_valid(job_id, expires, signature):
            raise HTTPException(403, "The address has expired, or is not valid")
        return Response(job.picture, media_type=job.media_type)

    @app.get("/v1/credits", dependencies=[Depends(authenticated)])
    async def get_credits() -> dict[str, float]:
        """Say how many credits are left."""
        return {"credits": credits}

    return app


def _answer(
    job_id: str,
    status: FillStatus,
    *,
    progress: float | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "id": job_id,
        "status": status,
        "result": None,
        "progress": progress,
        "details": details,
        "preview": None,
    }


def _details(jobs: Jobs, job: Job, engine: str) -> dict[str, Any]:
    """Who works on it, and what an engine says of itself if it has ``details(options)``."""
    describe = getattr(jobs.engine, "details", None)
    return {"service": f"local engine: {engine}"} | (describe(job.options) if describe else {})


def _echo(value: Any) -> Any:
    """What was sent, for the answer that refuses it: pictures are cut to their first characters."""
    if isinstance(value, str):
        return value if len(value) <= _ECHOED else value[:_ECHOED] + "…"
    if isinstance(value, dict):
        return {str(name): _echo(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_echo(inner) for inner in value]
    return value if isinstance(value, (int, float, bool, type(None))) else repr(value)[:_ECHOED]
