"""What a popw service refuses, as a Python client sees it: a line for each call, with its code and the stable reason.

PYTHONPATH=generated venv/bin/python refusals.py 127.0.0.1:7420
"""

import sys

import grpc
from google.rpc import error_details_pb2
from popw.v1 import job_pb2, prover_pb2
from prove import Service, details


def main() -> None:
    service = Service(sys.argv[1])
    key = service.circuits()[0].key
    other = job_pb2.KeyName(circuit_id=key.circuit_id, verifying_key_hash="00" * 32)
    get = service.prover.GetJob
    calls = {
        "no such job": lambda: get(prover_pb2.GetJobRequest(id="00" * 16)),
        "no name of a job": lambda: get(prover_pb2.GetJobRequest(id="x")),
        "another hash": lambda: service.upload(b"a", "00" * 32),
        "another key": lambda: service.submit(other, service.upload(b"a"), "other"),
        "no file": lambda: service.submit(key, "11" * 32, "missing"),
        "no name": lambda: service.submit(key, service.upload(b"a"), ""),
    }
    for what, call in calls.items():
        try:
            call()
        except grpc.RpcError as error:
            info = details(error, error_details_pb2.ErrorInfo)
            print(f"{what}: {error.code().name} {info.reason if info else '-'}")
        else:
            print(f"{what}: was not refused")


if __name__ == "__main__":
    main()
