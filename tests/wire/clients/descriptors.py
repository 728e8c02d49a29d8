# SPDX-License-Identifier: Apache-2.0
"""What the server says that it serves (grpc.reflection), line by line beside
the descriptors of the installed client. test_grpc.py starts it as

    python descriptors.py GRPC_PORT v1|v1alpha

It prints one JSON object; `missing` and `other` are empty when both agree."""
import importlib
import json
import pathlib
import pkgutil
import sys

import grpc
import qdrant_client.grpc
from google.protobuf import descriptor_pb2

PACKAGE = "qdrant"


def field(number, value):
    """A text field of a message, shorter than 128 bytes."""
    data = value.encode()
    return bytes([number << 3 | 2, len(data)]) + data


def parts(message):
    """(number, value) of each field: numbers and bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        value = varint()
        if tag & 7 == 2:
            value, at = message[at:at + value], at + value
        yield tag >> 3, value


def name_of(field):
    types = descriptor_pb2.FieldDescriptorProto.Type
    return field.type_name.lstrip(".") or types.Name(field.type)


def message_lines(scope, message):
    name = f"{scope}.{message.name}"
    for f in message.field:
        one = ""
        if f.HasField("oneof_index") and not f.proto3_optional:
            one = message.oneof_decl[f.oneof_index].name
        yield (f"field {name} {f.number} {f.label} {f.proto3_optional} "
               f"{name_of(f)} {f.name} {one} {message.options.map_entry}")
    for inner in message.nested_type:
        yield from message_lines(name, inner)
    for inner in message.enum_type:
        yield from enum_lines(name, inner)


def enum_lines(scope, enum):
    for value in enum.value:
        yield f"enum {scope}.{enum.name} {value.number} {value.name}"


def file_lines(file):
    for message in file.message_type:
        yield from message_lines(file.package, message)
    for enum in file.enum_type:
        yield from enum_lines(file.package, enum)
    for service in file.service:
        for method in service.method:
            yield (f"method {file.package}.{service.name}/{method.name} "
                   f"{method.input_type} {method.output_type}")


def of_client():
    lines = set()
    folder = str(pathlib.Path(qdrant_client.grpc.__file__).parent)
    for module in pkgutil.iter_modules([folder]):
        if not module.name.endswith("_pb2"):
            continue
        file = descriptor_pb2.FileDescriptorProto()
        importlib.import_module(
            f"qdrant_client.grpc.{module.name}").DESCRIPTOR.CopyToProto(file)
        if file.package == PACKAGE:
            lines.update(file_lines(file))
    return lines


class Server:
    def __init__(self, port, version):
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.method = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection"
            "/ServerReflectionInfo")

    def ask(self, *requests):
        """One stream; the answers by their numbers."""
        return [dict(parts(answer)) for answer in self.method(iter(requests))]

    def services(self):
        listed, = self.ask(field(7, ""))
        return [dict(parts(service))[1].decode()
                for _, service in parts(listed[6])]

    def lines(self, symbols):
        lines = set()
        for answer in self.ask(*[field(4, symbol) for symbol in symbols]):
            for _, data in parts(answer[4]):
                file = descriptor_pb2.FileDescriptorProto.FromString(data)
                if file.package == PACKAGE:
                    lines.update(file_lines(file))
        return lines

    def unknown(self):
        answer, = self.ask(field(4, "qdrant.Nothing"))
        return dict(parts(answer[7]))[1]


def main():
    server = Server(sys.argv[1], sys.argv[2])
    services = server.services()
    ours = server.lines([s for s in services if s.startswith("qdrant.")] +
                        ["qdrant.Points.Upsert", "qdrant.Filter"])
    theirs = of_client()
    print(json.dumps({
        "services": services, "lines": len(ours), "unknown": server.unknown(),
        "missing": sorted(theirs - ours)[:50],
        "other": sorted(ours - theirs)[:50]}))


if __name__ == "__main__":
    main()
