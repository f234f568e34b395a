"""Templates of SAM (AWS's Serverless Application Model) become CloudFormation, by AWS's own translator, aws-sam-translator.

The translator accepts only code that is in S3, because `sam deploy` uploads it first. Here code stays where it is: the path
that a template gives for the code of a function or a layer is the text in ``Code`` and ``Content`` of the result.
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from lobby.cloudformation.names import REGION
from lobby.cloudformation.resolving import ResolveError, expand, parameter_values
from lobby.cloudformation.structure import LANGUAGE, SERVERLESS, check_structure, transforms
from lobby.errors import LobbyError

BUCKET = "code-on-this-machine"
"""Stands for the bucket to which `sam deploy` would upload."""

_LOCAL = {
    "AWS::Serverless::Api": ("DefinitionUri",),
    "AWS::Serverless::Application": ("Location",),
    "AWS::Serverless::Function": ("CodeUri",),
    "AWS::Serverless::GraphQLApi": ("SchemaUri",),
    "AWS::Serverless::HttpApi": ("DefinitionUri",),
    "AWS::Serverless::LayerVersion": ("ContentUri",),
    "AWS::Serverless::StateMachine": ("DefinitionUri",),
}
"""The properties that may be a path on the machine that deploys."""


class _AnyPolicy(dict[str, str]):
    """The managed policies of IAM by their names. Permissions are not emulated, so that each name stands for one."""

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return f"arn:aws:iam::aws:policy/{name}"

    __getitem__ = get


def transformed(
    template: Mapping[str, Any], parameters: Mapping[str, Any], imports: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The template after its transforms, which CloudFormation carries out before anything else. Raises
    :class:`~lobby.errors.LobbyError`."""
    check_structure(template)
    names = transforms(template)
    found = expand(template, parameters, imports) if LANGUAGE in names else dict(template)
    if SERVERLESS not in names:
        return found
    values = {
        name: ",".join(value) if isinstance(value, list) else value
        for name, value in parameter_values(found, parameters).items()
    }
    found = _with_code(_translated(_without_code(found), values))
    if LANGUAGE in names:
        found["Transform"] = LANGUAGE
    check_structure(found)
    return found


def _translated(template: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    try:
        return _translate(template, values)
    except LobbyError:
        raise
    except Exception as error:  # the translator fails in many ways on values of a wrong type
        raise ResolveError(_culprit(template, values), f"aws-sam-translator cannot read it ({_short(error)}).") from None


def _translate(template: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    from boto3 import Session
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)  # it also logs what it raises
    translator = Translator(_AnyPolicy(), Parser(), boto_session=Session(region_name=REGION))
    try:
        result: dict[str, Any] = translator.translate(copy.deepcopy(template), dict(values))
    except InvalidDocumentException as error:
        raise _placed([" ".join(str(cause.message).split()) for cause in error.causes] or [str(error)]) from None
    return result


def _placed(causes: list[str]) -> ResolveError:
    """The first of the translator's messages, with its place in our form."""
    text = causes[0] if causes[0].endswith(".") else f"{causes[0]}."
    found = re.match(r"Resource with id \[(\w+)\] is invalid\. (.*)", text) or re.match(
        r"'(Globals)' section is invalid\. (.*)", text
    )
    if found is None:
        return ResolveError("", text)
    return ResolveError(found[1] if found[1] == "Globals" else f"Resources.{found[1]}", found[2])


def _culprit(template: Mapping[str, Any], values: dict[str, Any]) -> str:
    """The place of the resource that the translator cannot read: the first that it cannot read alone either."""
    for name, item in template["Resources"].items():
        if item["Type"].startswith("AWS::Serverless::"):
            try:
                _translate({**template, "Resources": {name: item}}, values)
            except LobbyError:
                pass
            except Exception:
                return f"Resources.{name}"
    return "Globals" if "Globals" in template else "Resources"


def _without_code(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template with an address in S3 in place of each path on this machine."""
    changed = copy.deepcopy(dict(template))
    for kind, properties in changed.get("Globals", {}).items():
        if isinstance(properties, dict):
            _replace(properties, _LOCAL.get(f"AWS::Serverless::{kind}", ()))
    shared = changed.get("Globals", {}).get("Function", {})
    for item in changed["Resources"].values():
        kind, properties = item["Type"], item.get("Properties", {})
        _replace(properties, _LOCAL.get(kind, ()))
        if kind == "AWS::Serverless::Function" and not (
            {"CodeUri", "InlineCode", "ImageUri"} & {*properties, *(shared if isinstance(shared, dict) else ())}
        ):
            properties["CodeUri"] = _address(".")  # `sam deploy` packs the folder of the template then
    return changed


def _replace(properties: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        path = properties.get(name)
        if isinstance(path, str) and not path.startswith(("s3://", "http://", "https://", "arn:")):
            properties[name] = _address(path)


def _address(path: str) -> str:
    return f"s3://{BUCKET}/{quote(path or '.', safe='')}"


def _with_code(template: dict[str, Any]) -> dict[str, Any]:
    """The translated template with the paths again."""
    for item in template["Resources"].values():
        properties = item.get("Properties", {})
        for name in ("Code", "Content"):
            code = properties.get(name)
            if isinstance(code, dict) and code.get("S3Bucket") == BUCKET:
                properties[name] = unquote(code["S3Key"])
    return template


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:120]}" if text else type(error).__name__
