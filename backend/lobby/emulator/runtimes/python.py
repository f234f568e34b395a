"""The program inside an environment of a Python function: imports the handler and calls it with one event after the other.
Started by ``programs``.

Its only argument is a JSON object: ``handler``; ``paths``, the folders of the code and of its layers; ``packages``, which maps
the names of the packages that AWS's runtime contains to the folders in which they are; ``aws``, the pattern of AWS's hosts; and
``port``, where the emulator answers for them.

It imports only Python's standard library and nothing of this package, so the handler finds only its own packages here.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

RECORD = "\x1e"
"""Begins each answer, so that no other output is taken for one."""

ANSWER_BYTES = 6_291_556
"""The largest answer of a function."""

LEVELS = {"TRACE": "DEBUG", "FATAL": "CRITICAL"}
"""Levels of Lambda that Python's logging names differently."""


def main() -> None:
    """Reads requests from standard input and writes answers to standard output, one a line. Output of the handler goes to the
    log."""
    # The handler, and the programs that it starts, get other channels: an empty input, and the log as output.
    requests, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    settings: dict[str, Any] = json.loads(sys.argv[1])
    del sys.argv[1:]
    sys.path[:0] = settings["paths"]
    sys.meta_path.append(RuntimePackages(settings["packages"]))
    lead_to_emulator(re.compile(settings["aws"]), settings["port"])
    current = Current()
    log_as_lambda(current, os.environ)
    began = time.perf_counter()
    handler = loaded(settings["handler"])
    answer: dict[str, Any] = {"init_ms": (time.perf_counter() - began) * 1000}
    while True:
        answers.write(f"{RECORD}{json.dumps(answer)}\n")
        answers.flush()
        line = requests.readline()
        if not line:
            return
        answer = run(handler, json.loads(line), current)


class RuntimePackages:
    """Finds the packages of AWS's runtime where this machine has them, and nothing else that lies beside them."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._folders = folders

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Finds a package. Its own modules are found by Python, because they are in the package's folder."""
        folder = self._folders.get(name)
        return None if folder is None else PathFinder.find_spec(name, [folder], target)


def lead_to_emulator(aws: re.Pattern[str], port: int) -> None:
    """Makes names of AWS's hosts lead to the emulator, also for libraries that do not use the proxy of the environment."""
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, service: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and aws.search(name.lower().rstrip(".")):
            host, service = "127.0.0.1", port
        return ask(host, service, *rest, **more)

    vars(socket)["getaddrinfo"] = getaddrinfo


# ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Current:
    """What is known about the event that runs now."""

    request_id = ""


class TextFormatter(logging.Formatter):
    """The format of lines in the text format."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")


class JsonFormatter(logging.Formatter):
    """The format of lines in JSON."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": getattr(record, "aws_request_id", ""),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            line["stackTrace"] = traceback.format_tb(trace)
            line["errorType"], line["errorMessage"] = kind.__name__, str(error)
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        return json.dumps(line, ensure_ascii=False)


class RuntimeHandler(logging.StreamHandler[Any]):
    """Writes records to the log. A record with several lines stays one event, as in CloudWatch: the lines are separated by
    ``\\r``."""

    def __init__(self, current: Current) -> None:
        super().__init__(sys.stdout)
        self._current = current

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        record.aws_request_id = self._current.request_id
        return super().format(record).replace("\n", "\r")


def log_as_lambda(current: Current, environment: Mapping[str, str]) -> None:
    """Sets up Python's logging as Lambda does: a handler of the root logger, whose level stays WARNING in the text format."""
    handler = RuntimeHandler(current)
    is_json = environment.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
    handler.setFormatter(JsonFormatter() if is_json else TextFormatter())
    logging.getLogger().addHandler(handler)
    if is_json:
        level = environment.get("AWS_LAMBDA_LOG_LEVEL", "INFO")
        logging.getLogger().setLevel(LEVELS.get(level, level))


def log_error(kind: str, message: str, trace: Sequence[str], environment: Mapping[str, str], request_id: str) -> None:
    """Writes the error of an event, as one event of the log."""
    if environment.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        about = {"timestamp": at, "log_level": "ERROR", "errorMessage": message, "errorType": kind, "requestId": request_id}
        print(json.dumps({**about, "stackTrace": list(trace)}, ensure_ascii=False), flush=True)
        return
    text = "".join((f"[ERROR] {kind}: {message}\n", *(("Traceback (most recent call last):\n", *trace) if trace else ())))
    print(text.rstrip("\n").replace("\n", "\r"), flush=True)


# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class InitError(Exception):
    """The handler cannot be called. ``kind`` is the name that Lambda gives to the error."""

    def __init__(self, kind: str, message: str, trace: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind, self.trace = kind, trace


def loaded(handler: str) -> Callable[[Any, Any], Any] | InitError:
    """The handler with this name, ``a/b.function`` or ``a.b.function``, or why there is none. Other errors of its modules are
    reported with the first event, too."""
    path, dot, function = handler.rpartition(".")
    if not dot:
        return InitError("Runtime.MalformedHandlerName", f"Bad handler '{handler}': it must be MODULE.FUNCTION")
    try:
        module = importlib.import_module(path.replace("/", "."))
    except ImportError as error:
        return InitError("Runtime.ImportModuleError", f"Unable to import module '{path}': {error}", traced(error))
    except SyntaxError as error:
        return InitError("Runtime.UserCodeSyntaxError", f"Syntax error in module '{path}': {error}")
    except Exception as error:
        return InitError(type(error).__name__, str(error), traced(error))
    found: Callable[[Any, Any], Any] | None = getattr(module, function, None)
    if found is None:
        return InitError("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{path}'")
    return found


def traced(error: BaseException) -> list[str]:
    """The stack trace of an error, without the lines of this program and of Python's import."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    return traceback.format_list(own)


class CognitoIdentity:
    """The caller of the function through Amazon Cognito; API Gateway passes none."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class LambdaContext:
    """The second argument of the handler (Lambda Developer Guide, "Using the Lambda context object to retrieve Python function
    information")."""

    def __init__(self, fields: Mapping[str, str], deadline: float) -> None:
        self.aws_request_id = fields["aws_request_id"]
        self.function_name = fields["function_name"]
        self.function_version = fields["function_version"]
        self.invoked_function_arn = fields["invoked_function_arn"]
        self.log_group_name = fields["log_group_name"]
        self.log_stream_name = fields["log_stream_name"]
        self.memory_limit_in_mb = fields["memory_limit_in_mb"]
        self.client_context = None
        self.identity = CognitoIdentity()
        self.tenant_id = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """The time until the timeout, in ms."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        """Writes to the log."""
        print(message, flush=True)


def run(handler: Callable[[Any, Any], Any] | InitError, request: Mapping[str, Any], current: Current) -> dict[str, Any]:
    """Handles one event. Returns the result, as a text of JSON, or the error; and the times in ms."""
    context = LambdaContext(request["context"], time.monotonic() + request["remaining_ms"] / 1000)
    current.request_id = context.aws_request_id
    os.environ["_X_AMZN_TRACE_ID"] = request["trace_id"]
    began, cpu = time.perf_counter(), time.process_time()
    answer: dict[str, Any] = {}
    try:
        if isinstance(handler, InitError):
            raise handler
        answer["result"] = as_json(handler(json.loads(request["event"]), context))
    except InitError as error:
        log_error(error.kind, str(error), error.trace, os.environ, context.aws_request_id)
        answer["error"] = str(error)
    except Exception as error:  # SystemExit ends the environment, as on AWS
        log_error(type(error).__name__, str(error), traced(error), os.environ, context.aws_request_id)
        answer["error"] = str(error)
    return {**answer, "ms": (time.perf_counter() - began) * 1000, "cpu_ms": (time.process_time() - cpu) * 1000}


def as_json(result: Any) -> str:
    """The text of an answer. Raises an InitError with Lambda's name of the error for an answer that is not JSON, or too
    large."""
    try:
        text = json.dumps(result, default=number)
    except (TypeError, ValueError, RecursionError) as error:
        raise InitError("Runtime.MarshalError", f"Unable to marshal response: {error}") from None
    if len(text) > ANSWER_BYTES:
        raise InitError("Function.ResponseSizeTooLarge", f"the answer has more than {ANSWER_BYTES} bytes")
    return text


def number(value: object) -> float:
    """Decimal as a number: items of DynamoDB contain them. Raises TypeError for other objects, as JSON does."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


if __name__ == "__main__":
    main()
