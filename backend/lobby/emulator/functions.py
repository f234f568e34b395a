"""Lambda functions as a template describes them: runtime, handler, code, layers, variables. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from lobby.errors import LobbyError

Language = Literal["python", "nodejs"]

RUNTIMES: Mapping[str, tuple[str, ...]] = {
    "python": ("python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"),
    "nodejs": ("nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"),
    "": (
        "dotnet6", "dotnet8", "dotnet10", "java8.al2", "java11", "java17", "java21", "java25", "provided.al2",
        "provided.al2023", "ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0",
    ),
}  # fmt: skip
"""The runtimes with which AWS still creates functions (Lambda Developer Guide, "Lambda runtimes"), by the language that runs
them here; the runtimes under the empty name run on AWS only."""

REMOVED = frozenset(
    {
        "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "go1.x", "java8", "nodejs", "nodejs4.3",
        "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "provided", "python2.7",
        "python3.6", "python3.7", "ruby2.5", "ruby2.7",
    }
)  # fmt: skip
"""The runtimes with which AWS creates no functions any more."""

RESERVED = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)  # fmt: skip
"""The variables that only Lambda sets (Lambda Developer Guide, "Defined runtime environment variables")."""


@dataclass(frozen=True)
class InlineCode:
    """Code in the template itself (``ZipFile``). AWS stores it as a file with the name ``index``."""

    text: str


@dataclass(frozen=True)
class LocalCode:
    """A folder, a file or a zip, relative to the folder of the template."""

    path: str


@dataclass(frozen=True)
class BucketCode:
    """A zip in a bucket of S3."""

    key: str


CodeSource = InlineCode | LocalCode | BucketCode


@dataclass(frozen=True)
class Layer:
    """A layer of a function. ``logical`` is its name in the template, empty for a layer that is not in it; then ``source`` is
    None, too."""

    arn: str
    logical: str = ""
    source: CodeSource | None = None


@dataclass(frozen=True)
class LambdaFunction:
    """The configuration of a Lambda function.

    ``handler`` is MODULE.FUNCTION; the defaults are AWS's, except ``concurrency``, which is an account's default. ``logical``
    is its name in the template. ``variables`` is its environment. ``log_format`` is ``Text`` or ``JSON``, ``log_level`` the
    lowest level that the runtime writes in JSON.
    """

    name: str
    arn: str
    handler: str = ""
    memory_mb: int = 128
    timeout_s: float = 3.0
    concurrency: int = 1000
    variables: Mapping[str, str] = field(default_factory=dict)
    runtime: str = ""
    logical: str = ""
    source: CodeSource | None = None
    layers: tuple[Layer, ...] = ()
    log_group: str = ""
    log_format: str = "Text"
    log_level: str = ""

    @property
    def logs_to(self) -> str:
        """The name of its log group."""
        return self.log_group or f"/aws/lambda/{self.name}"


def language(function: LambdaFunction) -> Language:
    """The language that runs a function here. Raises LobbyError, which names the runtime, if none does."""
    name = function.runtime
    about = f"The function {function.logical or function.name}"
    if not name:
        raise LobbyError(f"{about} has no Runtime; AWS requires it for code in a zip.")
    if name in RUNTIMES["python"]:
        return "python"
    if name in RUNTIMES["nodejs"]:
        return "nodejs"
    if name in RUNTIMES[""]:
        raise LobbyError(f"{about} has the runtime {name}; only Python and Node.js functions run here.")
    if name in REMOVED:
        raise LobbyError(f"{about} has the runtime {name}, with which AWS creates no functions any more.")
    raise LobbyError(f"{about} has the runtime {name}, which AWS does not have.")


def read_function(
    logical: str, name: str, resource: Mapping[str, Any], layers: Mapping[str, Layer], *, region: str, account: str
) -> LambdaFunction:
    """The function of a resolved resource: its name in the template, the value of ``Ref`` for it, and the resource itself.
    ``layers`` are those of the template by the value of ``Ref``. Raises LobbyError for what Lambda would refuse, and for what
    does not run here."""
    item = resource.get("Properties", {})
    if item.get("PackageType") == "Image" or "ImageUri" in item.get("Code", ()):
        raise LobbyError(f"The function {logical} is a container image; only code in folders and zips runs here.")
    if "Handler" not in item:
        raise LobbyError(f"The function {logical} has no Handler.")
    variables = {key: str(value) for key, value in item.get("Environment", {}).get("Variables", {}).items()}
    if reserved := sorted(RESERVED & set(variables)):
        raise LobbyError(f"The function {logical} sets the variable {reserved[0]}, which only Lambda sets.")
    logging = item.get("LoggingConfig", {})
    return LambdaFunction(
        name=name,
        arn=f"arn:aws:lambda:{region}:{account}:function:{name}",
        handler=str(item["Handler"]),
        memory_mb=int(item.get("MemorySize", 128)),
        timeout_s=float(item.get("Timeout", 3)),
        concurrency=int(item.get("ReservedConcurrentExecutions", 1000)),
        variables=variables,
        runtime=str(item.get("Runtime", "")),
        logical=logical,
        source=source(resource, "Code"),
        layers=tuple(layers.get(arn) or Layer(arn) for arn in map(str, item.get("Layers", ()))),
        log_group=str(logging.get("LogGroup", "")),
        log_format=str(logging.get("LogFormat", "Text")),
        log_level=str(logging.get("ApplicationLogLevel", "")),
    )


def read_layer(logical: str, arn: str, resource: Mapping[str, Any]) -> Layer:
    """The layer of a resolved resource: its name in the template, the value of ``Ref`` for it, and the resource itself."""
    return Layer(arn, logical, source(resource, "Content"))


def source(resource: Mapping[str, Any], name: str) -> CodeSource | None:
    """Where the code of a resource is: the property ``name``, or the folder that CDK wrote and named in the metadata."""
    metadata, code = resource.get("Metadata", {}), resource.get("Properties", {}).get(name)
    asset = metadata.get("aws:asset:path")
    if asset is not None and metadata.get("aws:asset:property", name).partition(".")[0] == name:
        return LocalCode(str(asset))
    if isinstance(code, str):  # before `aws cloudformation package` and `sam package`
        return BucketCode(code) if code.startswith("s3://") else LocalCode(code)
    if isinstance(code, Mapping) and "ZipFile" in code:
        return InlineCode(str(code["ZipFile"]))
    if isinstance(code, Mapping) and "S3Key" in code:
        return BucketCode(str(code["S3Key"]))
    return None


def module_of(handler: str) -> str:
    """The path of the file of a handler without its suffix: ``a/b`` for ``a/b.handler`` and for ``a.b.handler``."""
    return str(PurePosixPath(handler.rpartition(".")[0].replace(".", "/")))
