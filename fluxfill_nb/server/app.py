"""The endpoints: the hosted service's contract as a FastAPI application."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from anyio import to_thread
from fastapi import Depends, FastAPI, HTTPException, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from starlette.requests import ClientDisconnect

from ..engines import name_of
from ..options import FillOptions
from ..request import FILL_PATH
from ..result import FillStatus
from ..version import __version__
from . import answers, body
from .accounts import Account, Accounts, NotAllowed
from .job import Job
from .jobs import Jobs, ShutDown
from .keys import Holder, holders_of
from .monitoring import add_monitoring
from .refusals import problems, refused
from .samples import Signer
from .sent import Sent
from .webhooks import News, Refused, Webhooks

_RESULT_PATH = "/v1/get_result"
_SAMPLES = "samples"


def create_app(
    jobs: Jobs,
    *,
    keys: Sequence[str | Holder] = (),
    max_active: int = 24,
    credits: float | None = None,
    webhooks: Webhooks | None = None,
) -> FastAPI:
    """Return an application that serves the contract.

    Parameters
    ----------
    jobs
        What does the work.
    keys
        The keys that may submit, or their `Holder`; none: everybody may.
    max_active
        How many tasks of each key may wait or run at once; the next one is answered 429.
    credits
        What each key can spend, at 5 credits a picture; None: fills cost nothing.
    webhooks
        What calls back; default: calls go to the public internet only. Close it, and ``jobs``, when
        the application has ended.

    Returns
    -------
    fastapi.FastAPI
        To be mounted, or served by any ASGI server.

    Examples
    --------
    >>> from contextlib import closing
    >>> from fluxfill_nb.engines import Patches
    >>> from fluxfill_nb.server import Jobs, create_app
    >>> with closing(Jobs(Patches())) as jobs:
    ...     create_app(jobs, keys=["a key"]).title
    'fluxfill_nb'
    """
    accounts = Accounts(holders_of(keys), credits=credits, max_active=max_active)
    refused_by_status: Counter[int] = Counter()
    webhooks = webhooks or Webhooks()
    signer = Signer()
    app = FastAPI(
        title="fluxfill_nb",
        version=__version__,
        description="The contract of FLUX.1 Fill [pro], served by the local engine "
        f"{name_of(jobs.engine)!r}.",
    )
    key_header = APIKeyHeader(name="x-key", auto_error=False, description="API key, if needed.")

    async def authenticated(request: Request, key: str | None = Security(key_header)) -> None:
        request.state.account = accounts.of(key)

    def sample(base: str, job: Job) -> str:
        return f"{base}{_SAMPLES}/{job.id}?{signer.query(job.id)}"

    def begin(options: FillOptions, sent: Sent, account: Account, base: str) -> Job:
        """Start the work. All in one thread: no cancelled request leaves a half of it."""
        announce = None
        account.open_task()
        try:
            if options.webhook_url is not None:
                try:
                    webhooks.check(options.webhook_url)
                except Refused as error:
                    raise refused("webhook_url", str(error), str(options.webhook_url)) from None
                announce = functools.partial(_announce, webhooks, lambda job: sample(base, job))
            return jobs.submit(sent, options, account=account, on_end=announce)
        except BaseException:
            account.close_task(paid=False)
            raise

    @app.exception_handler(RequestValidationError)
    async def refused_request(_: Request, error: RequestValidationError) -> JSONResponse:
        refused_by_status[422] += 1
        return JSONResponse({"detail": problems(error.errors())}, status_code=422)

    @app.exception_handler(NotAllowed)
    async def not_allowed(_: Request, error: NotAllowed) -> JSONResponse:
        refused_by_status[error.status] += 1
        return JSONResponse({"detail": error.detail}, status_code=error.status)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> JSONResponse:
        return JSONResponse({"detail": "The body broke off"}, 503)  # read only if it is us who end

    @app.exception_handler(ShutDown)
    async def shut_down(_: Request, error: ShutDown) -> JSONResponse:
        refused_by_status[503] += 1
        later = {"retry-after": str(error.retry_after)} if error.retry_after else None
        return JSONResponse({"detail": "The server is shutting down"}, 503, later)

    @app.post(
        FILL_PATH,
        dependencies=[Depends(authenticated)],
        responses=_refusals(402, 403, 422, 429, 503),
        openapi_extra={"requestBody": _REQUEST_BODY},
    )
    async def fill(request: Request) -> answers.Submitted | answers.SubmittedWithWebhook:
        """Take a fill on; the answer says where to ask for it, or that it will be announced."""
        account = request.state.account
        jobs.check_open()  # before a body is read that may be large
        account.check_room()
        content = await body.receive(request)
        options, sent = await body.check(content)
        base = str(request.base_url)
        job = await to_thread.run_sync(begin, options, sent, account, base)
        if options.webhook_url is not None:
            return answers.SubmittedWithWebhook(
                id=job.id, status=FillStatus.PENDING, webhook_url=str(options.webhook_url)
            )
        return answers.Submitted(id=job.id, polling_url=f"{base}{_RESULT_PATH[1:]}?id={job.id}")

    @app.get(
        _RESULT_PATH,
        response_model_exclude_unset=True,
        responses={404: {"model": answers.State}, **_refusals(422)},
    )
    async def get_result(id: str, request: Request, response: Response) -> answers.State:
        """Say how far a fill is, and where its picture lies once it is ready."""
        job = jobs.get(id)
        if job is None:
            response.status_code = 404
            return _state(id, FillStatus.NOT_FOUND)
        if job.is_stale:
            await to_thread.run_sync(job.refresh)
        status = job.status
        if status == FillStatus.ERROR:
            return _state(id, status, details={"error": job.error})
        state = _state(id, status, progress=job.progress, details=job.details)
        if status == FillStatus.READY:
            state.result = _result(job, sample(str(request.base_url), job))
            state.cost = job.cost
        elif url := job.preview.url:
            state.preview = answers.Preview(image=url)
        return state

    @app.get(f"/{_SAMPLES}/{{job_id}}", include_in_schema=False)
    async def get_sample(job_id: str, expires: int, signature: str) -> Response:
        job = jobs.get(job_id)
        if job is not None and signer.is_valid(job_id, expires, signature):
            picture = await to_thread.run_sync(jobs.pictures.get, job_id)
            if picture is not None:
                job.is_fetched = True
                return Response(picture, media_type=job.media_type)
        raise HTTPException(403, "The address has expired, or is not valid")

    @app.get("/v1/credits", dependencies=[Depends(authenticated)], responses=_refusals(403))
    async def get_credits(request: Request) -> answers.Credits:
        """Say how many credits are left."""
        return answers.Credits(credits=request.state.account.credits)

    add_monitoring(app, jobs, accounts, refused_by_status)
    app.openapi = functools.partial(_openapi, app)  # type: ignore[method-assign]
    return app


def _announce(webhooks: Webhooks, sample: Callable[[Job], str], job: Job) -> None:
    """Tell whoever asked for it that a job has ended."""
    url = job.options.webhook_url
    assert url is not None
    result = None
    if job.status == FillStatus.READY:
        result = {"sample": sample(job), "prompt": job.options.prompt, "seed": job.options.seed}
    news = News(job.id, job.status, result, job.error)
    webhooks.send(url, job.options.webhook_secret, news)


def _state(
    job_id: str,
    status: FillStatus,
    *,
    progress: float | None = None,
    details: dict[str, Any] | None = None,
) -> answers.State:
    return answers.State(
        id=job_id, status=status, result=None, progress=progress, details=details, preview=None
    )


def _result(job: Job, sample: str) -> answers.Result:
    assert job.options.seed is not None
    return answers.Result(
        sample=sample,
        prompt=job.options.prompt,
        seed=job.options.seed,
        start_time=job.started,
        end_time=job.ended,
        duration=job.ended - job.started,
    )


def _refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": answers.Problems if code == 422 else answers.Refusal} for code in codes}


# The body is read and checked by hand, in a thread; the page shows it all the same.
_BODY = body.FillBody
_REQUEST_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{_BODY.__name__}"}}},
}


def _openapi(app: FastAPI) -> dict[str, Any]:
    schema = FastAPI.openapi(app)
    schema["components"]["schemas"][_BODY.__name__] = _BODY.model_json_schema()
    return schema
