"""What those who run a server ask it: whether it is well, and what it does."""

from __future__ import annotations

from collections import Counter

from anyio import to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from ..engines import name_of
from .accounts import Accounts
from .jobs import Jobs
from .metrics import exposed


def add_monitoring(app: FastAPI, jobs: Jobs, accounts: Accounts, refused: Counter[int]) -> None:
    """Let an application answer ``/health`` and ``/metrics``; neither asks for a key.

    Parameters
    ----------
    app
        The application.
    jobs, accounts
        What to tell of.
    refused
        How many requests were answered no, by status.
    """

    @app.get("/health", include_in_schema=False)
    async def get_health() -> JSONResponse:
        """200: fills are taken on. 503: they are not, by now or any more."""
        census = jobs.census()
        content = {"ready": jobs.is_open, "engine": name_of(jobs.engine)}
        content |= {what: count.total() for what, count in census.items()}
        return JSONResponse(content, status_code=200 if jobs.is_open else 503)

    @app.get("/metrics", include_in_schema=False)
    async def get_metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        try:
            text, media_type = await to_thread.run_sync(
                exposed, jobs, accounts.all(), refused, accept
            )
        except ImportError as error:
            raise HTTPException(501, str(error)) from None
        return Response(text, headers={"content-type": media_type})
