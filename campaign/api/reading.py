"""An OpenAPI description, read for a page: each operation with its parameters, fields, answers and an example."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

Described = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A parameter, or a place in what is sent or answered."""

    name: str
    type: str
    about: str
    is_required: bool = False
    may_be_null: bool = False


@dataclass(frozen=True)
class Answer:
    """What may come back."""

    status: str
    about: str
    media_type: str
    fields: list[Field]


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked."""

    room: str
    id: str
    method: str
    path: str
    summary: str
    about: str
    parameters: list[Field]
    body: list[Field]
    answers: list[Answer]
    example: str


def operations(described: Described, values: Mapping[str, str]) -> Iterator[Operation]:
    """All operations of a description (OpenAPI 3.1); `values` of parameters stand in the examples."""
    reader = _Reader(described, values)
    for path, methods in described["paths"].items():
        for method in methods:
            if method != "parameters":
                yield reader.operation(path, method, methods.get("parameters", []))


@dataclass(frozen=True)
class _Reader:
    described: Described
    values: Mapping[str, str]

    def operation(self, path: str, method: str, shared: list[Described]) -> Operation:
        found = self.described["paths"][path][method]
        parameters = [self.followed(each) for each in (*shared, *found.get("parameters", []))]
        content = found.get("requestBody", {}).get("content", {})
        body: Described = next(iter(content.values()), {})
        return Operation(
            room=found["tags"][0],
            id=f"{method}-{path}".translate({ord(char): "-" for char in "/{}."}).strip("-"),
            method=method.upper(),
            path=path,
            summary=found["summary"],
            about=found.get("description", ""),
            parameters=[self.parameter(each) for each in parameters],
            body=list(self.fields(body.get("schema", {}), set())),
            answers=[self.answer(*each) for each in sorted(found["responses"].items()) if each[0] != "default"],
            example=self.example(method, path, parameters, body.get("example")),
        )

    def followed(self, part: Described) -> Described:
        """What a reference stands for."""
        while "$ref" in part:
            found: Any = self.described
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            part = found
        return part

    def parameter(self, found: Described) -> Field:
        about = found.get("description", "")
        return Field(found["name"], self.type_of(found["schema"]), about, found.get("required", False))

    def answer(self, status: str, found: Described) -> Answer:
        found = self.followed(found)
        contents: dict[str, Described] = found.get("content", {})
        media_type = next(iter(contents), "")
        is_error = int(status) >= 400
        fields = [] if is_error else list(self.fields(contents[media_type]["schema"], set()))
        return Answer(status, found["description"], media_type, fields)

    def fields(self, schema: Described, seen: set[str], before: str = "") -> Iterator[Field]:
        """Each place in a schema, those inside by their whole path; of what comes again, the name alone."""
        schema = self.followed(schema)
        required = schema.get("required", ())
        for name, part in schema.get("properties", {}).items():
            path = f"{before}.{name}" if before else name
            inner, mark = self.inside(part)
            about = part.get("description", "")
            yield Field(path + mark, self.type_of(inner), about, name in required, _may_be_null(part))
            if inner.get("$ref", path) not in seen:
                seen.add(inner.get("$ref", path))
                yield from self.fields(inner, seen, path + mark)

    def inside(self, part: Described) -> tuple[Described, str]:
        """The schema of what a place holds, and how a path goes on into it."""
        part = self.chosen(part)
        if "items" in part:
            return self.chosen(part["items"]), "[]"
        if isinstance(part.get("additionalProperties"), Mapping):
            return self.chosen(part["additionalProperties"]), ".*"
        return part, ""

    def chosen(self, part: Described) -> Described:
        """Of several schemas, the one that is not null."""
        return next((each for each in part.get("anyOf", part.get("allOf", [part])) if each.get("type") != "null"), part)

    def type_of(self, part: Described) -> str:
        found = self.chosen(part)
        if "$ref" in found:
            return str(found["$ref"].rpartition("/")[2])
        if "enum" in found:
            return " | ".join(str(value) for value in found["enum"] if value is not None)
        types = found.get("type", "object")
        names = [types] if isinstance(types, str) else [name for name in types if name != "null"]
        return str(found.get("format") or names[0])

    def example(self, method: str, path: str, parameters: list[Described], body: object) -> str:
        """A command line that can be pasted into a shell."""
        known = {each["name"]: self.values.get(each["name"], each.get("example")) for each in parameters}
        asked = {each["name"]: known[each["name"]] for each in parameters if each["in"] == "query"}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        address = self.described["servers"][0]["url"] + path.format(**known) + (f"?{query}" if query else "")
        words = ["curl"] if method == "get" else ["curl", "--json", json.dumps(body, indent=2, ensure_ascii=False)]
        return shlex.join([*words, address])


def _may_be_null(part: Described) -> bool:
    several = part.get("anyOf", [part])
    return any("null" in (types if isinstance(types := each.get("type"), list) else [types]) for each in several)
