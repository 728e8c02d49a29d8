# SPDX-License-Identifier: Apache-2.0
"""The bad requests that gRPC can say, by the published messages, started as
python errors.py GRPC_PORT COLLECTION. Prints {name: [code, text]}."""
import json
import sys

import grpc
from google.protobuf import json_format
from qdrant_client import grpc as messages

from bad_requests import BAD, fill


def main():
    port, collection = int(sys.argv[1]), sys.argv[2]
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    stubs = {"Points": messages.PointsStub(channel),
             "Collections": messages.CollectionsStub(channel)}
    requests = {}
    for file in (messages.points_service_pb2, messages.collections_service_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                requests[service.name, method.name] = \
                    method.input_type._concrete_class
    answers = {}
    for bad in BAD:
        if bad.grpc is None:
            continue
        service, method, values = bad.grpc
        request = json_format.ParseDict(fill(values, collection),
                                        requests[service, method]())
        try:
            getattr(stubs[service], method)(request, timeout=30)
            answers[bad.name] = ["OK", ""]
        except grpc.RpcError as error:
            answers[bad.name] = [error.code().name, error.details()]
    print(json.dumps(answers))


main()
