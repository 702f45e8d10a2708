"""What a client gets when its request can't be served: status, type and text as vLLM words them."""

from http import HTTPStatus

import orjson


class ApiError(Exception):
    """An answer that is an error.

    Args:
        status: HTTP status.
        message: for people; names what was expected.
        kind: the error's type. vLLM's engine gives names, its web framework the status' phrase,
            which is the default.
        param: the field at fault, if one is.
    """

    def __init__(
        self, status: int, message: str, *, kind: str = "", param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind or HTTPStatus(status).phrase
        self.param = param

    def body(self, path: str) -> bytes:
        """The JSON for it, in the shape of the API that `path` belongs to."""
        if path.startswith("/v1/messages"):
            told = {"type": "error", "error": {"type": self.kind, "message": self.message}}
            return orjson.dumps(told)
        detail = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.status,
        }
        return orjson.dumps({"error": detail})


def unknown_model(model: str) -> ApiError:
    """Nothing of that name is served."""
    message = f"The model `{model}` does not exist."
    return ApiError(404, message, kind="NotFoundError", param="model")


def too_long(prompt_tokens: int, max_tokens: int, max_model_len: int) -> ApiError:
    """Prompt and answer don't fit the context."""
    message = (
        f"This model's maximum context length is {max_model_len} tokens. However, your prompt "
        f"contains {prompt_tokens} input tokens and you requested {max_tokens} output tokens. "
        "Please reduce the length of the input prompt or the number of requested output tokens."
    )
    return ApiError(400, message, kind="BadRequestError", param="input_tokens")


def not_ready() -> ApiError:
    """The engine still starts, or drains."""
    message = "The engine does not take requests yet, or no longer; try again later."
    return ApiError(503, message, kind="ServiceUnavailableError")


def injected(status: int) -> ApiError:
    """A failure that was asked for."""
    kind = "InternalServerError" if status == HTTPStatus.INTERNAL_SERVER_ERROR else ""
    return ApiError(status, "Injected failure.", kind=kind or "ServiceUnavailableError")
