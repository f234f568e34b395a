"""The programs that run functions: command line and variables, as AWS documents the environment of a function. No I/O.

``runtimes`` contains what runs inside: a program for each language.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lobby.emulator.environments import Program
from lobby.emulator.functions import LambdaFunction, Language

RUNTIMES_FOLDER = Path(__file__).with_name("runtimes")

SYSTEM_VARIABLES = frozenset(
    {"PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "TEMP", "TMP", "TMPDIR"}
)
"""What a process needs of its system. Without ``SYSTEMROOT`` Python on Windows has no sockets and no random numbers."""

PYTHON_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""The packages that AWS's Python runtimes contain (Lambda Developer Guide, "Runtime-included SDK versions")."""


@dataclass(frozen=True)
class Access:
    """How functions reach the emulator instead of AWS.

    ``proxy`` is the address of a proxy for HTTPS. ``tls_port`` is a port of 127.0.0.1 that answers for each host of AWS, whose
    names match ``hosts``. It also answers TLS for ``gateway``, host and port of the gateway. ``bundle`` is a file with the
    certificates to trust: those of public authorities, and ``authority``, which contains the emulator's alone. ``endpoints``
    are variables with addresses that need neither.
    """

    proxy: str
    tls_port: int
    hosts: str
    gateway: str
    bundle: Path
    authority: Path
    endpoints: Mapping[str, str]


@dataclass(frozen=True)
class Machine:
    """What this machine provides: its variables, the commands of the languages, the folders of the packages that AWS's Python
    contains, and folders in which Node.js functions find the AWS SDK."""

    variables: Mapping[str, str]
    commands: Mapping[Language, tuple[str, ...]]
    python_packages: Mapping[str, str]
    node_folders: tuple[Path, ...] = ()


def system_variables(system: Mapping[str, str]) -> dict[str, str]:
    """The variables of this machine that a process needs. Names are compared without case, as Windows does."""
    return {name: value for name, value in system.items() if name.upper() in SYSTEM_VARIABLES}


def lambda_variables(
    function: LambdaFunction,
    own: Mapping[str, str],
    root: Path,
    log_stream: str,
    *,
    region: str,
    keys: tuple[str, str, str],
) -> dict[str, str]:
    """The variables that Lambda sets (Lambda Developer Guide, "Defined runtime environment variables"), and the function's
    ``own``. ``keys`` are the access key, the secret key and the session token."""
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        **own,
        "_HANDLER": function.handler,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_to,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        **({"AWS_LAMBDA_LOG_LEVEL": function.log_level} if function.log_level else {}),
        "AWS_ACCESS_KEY": keys[0],
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "AWS_SESSION_TOKEN": keys[2],
        "LAMBDA_TASK_ROOT": str(root),
        "LAMBDA_RUNTIME_DIR": str(RUNTIMES_FOLDER),
    }


def python_program(
    function: LambdaFunction,
    root: Path,
    layers: tuple[Path, ...],
    variables: Mapping[str, str],
    access: Access,
    machine: Machine,
) -> Program:
    """The program of a Python function: this Python, without the packages of this machine, except those that AWS's contains."""
    layered = [
        folder for layer in layers for folder in (*sorted(layer.glob("python/lib/python3.*/site-packages")), layer / "python")
    ]
    settings = {
        "handler": function.handler,
        "paths": [str(root), *map(str, layered)],
        "packages": machine.python_packages,
        "aws": access.hosts,
        "port": access.tls_port,
    }
    trusted = dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(access.bundle))
    return Program(
        # -S: no packages of this machine. -P: no modules beside the runtime. -u: output appears at once.
        (*machine.commands["python"], "-S", "-P", "-u", "-X", "utf8", str(RUNTIMES_FOLDER / "python.py"), json.dumps(settings)),
        {**system_variables(machine.variables), **variables, **access.endpoints, **trusted, "HTTPS_PROXY": access.proxy},
        root,
    )


def node_program(
    function: LambdaFunction,
    root: Path,
    layers: tuple[Path, ...],
    variables: Mapping[str, str],
    access: Access,
    machine: Machine,
) -> Program:
    """The program of a Node.js function: the ``node`` of this machine, with the packages of layers, and with the AWS SDK from
    the folders of the ``machine``."""
    layered = [
        folder
        for layer in layers
        for folder in (*sorted(layer.glob("nodejs/node*/node_modules")), layer / "nodejs/node_modules")
    ]
    folders = [str(folder) for folder in dict.fromkeys((*layered, *machine.node_folders)) if folder.is_dir()]
    settings = {
        "handler": function.handler,
        "folders": folders,
        "aws": access.hosts,
        "port": access.tls_port,
        "gateway": access.gateway,
    }
    return Program(
        (*machine.commands["nodejs"], str(RUNTIMES_FOLDER / "node.mjs"), json.dumps(settings)),
        {
            **system_variables(machine.variables),
            **variables,
            **access.endpoints,
            "NODE_PATH": os.pathsep.join(filter(None, (*folders, variables.get("NODE_PATH")))),
            "NODE_EXTRA_CA_CERTS": str(access.authority),
        },
        root,
    )


PROGRAMS = {"python": python_program, "nodejs": node_program}
